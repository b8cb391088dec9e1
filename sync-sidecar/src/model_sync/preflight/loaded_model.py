"""A version folder as a model that answers: found, checked, compiled as the server would.

Runs in the child of `preflight`.
"""

import math
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_common.classifiers import datatype_of_openvino
from edge_common.errors import RejectedError
from edge_common.openvino_runtime import ov
from edge_common.quantities import format_size
from numpy.typing import NDArray

from model_sync.bucket.completeness import IncompleteError
from model_sync.bucket.keys import path_problem
from model_sync.bucket.recognise import model_file
from model_sync.preflight.served_shape import as_served

_DATA = re.compile(rb"<data\b[^>]*>")
_PLACE = re.compile(rb"\b(offset|size)=[\"'](\d{1,18})[\"']")
_MAX_PROBE_BYTES = 256 * 1024 * 1024
_MOST_OF_MEMORY = 4
"""Part of the memory, as a divisor, that inputs and outputs of all requests together may take."""
_OF_SEVERAL = frozenset({"AUTO", "HETERO", "MULTI", "BATCH"})
"""Devices that stand for others; they are checked on the CPU."""

_SHORT_OF_MEMORY = re.compile(r"bad_alloc|bad allocation|[Ff]ailed to allocate|[Oo]ut of memory")

TensorFor = Callable[[str, list[int], Any], NDArray[Any] | None]
"""Gives the values for an input, by its name, shape (-1: any size) and numpy type; None: zeros will do."""


def raise_for_weights(path: Path) -> None:
    """Look for the files beside the model at `path` that it keeps its weights in.

    Raises IncompleteError that names a file which is not there, RejectedError for one that cannot be used.
    """
    if path.suffix == ".xml":
        _raise_for_short_weights(path, path.with_suffix(".bin"))
    elif path.suffix == ".onnx" and b"location" in path.read_bytes():  # else no tensor names a file
        _raise_for_external_data(path)


def _raise_for_short_weights(model: Path, weights: Path) -> None:
    """OpenVINO serves weights of another model, if they are long enough; when they are not, say it better."""
    places = [dict(_PLACE.findall(data[0])) for data in _DATA.finditer(model.read_bytes())]
    ends = [int(one[b"offset"]) + int(one[b"size"]) for one in places if one.keys() >= {b"offset", b"size"}]
    there, needed = weights.stat().st_size if weights.is_file() else 0, max(ends, default=0)
    if there < needed:
        raise RejectedError(
            f"{weights.name} has {format_size(there)}, and {model.name} needs {format_size(needed)} "
            "of weights: it is cut, or belongs to another model; upload both files again"
        )


def _raise_for_external_data(path: Path) -> None:
    """As OpenVINO reads ONNX: a location is relative to the model, may hold `./`, and stays in its folder."""
    import onnx  # noqa: PLC0415 - heavy, and only a few models need it
    from google.protobuf.message import DecodeError  # noqa: PLC0415 - as above

    try:
        model = onnx.load(path, load_external_data=False)
    except DecodeError:
        return  # OpenVINO says it better
    for location in _external_locations(model.graph):
        plain = posixpath.normpath(location)
        if path_problem(plain) is not None:
            raise RejectedError(
                f"{path.name} keeps weights in {location!r}, outside its folder; export it anew"
            )
        if not (path.parent / plain).is_file():
            raise IncompleteError(f"waiting for {plain}, named by {path.name}")


def _external_locations(graph: Any) -> Iterator[str]:
    attributes = [attribute for node in graph.node for attribute in node.attribute]
    tensors = [*graph.initializer, *(tensor for a in attributes for tensor in (a.t, *a.tensors))]
    for tensor in tensors:
        yield from (entry.value for entry in tensor.external_data if entry.key == "location")
    for attribute in attributes:
        for inner in (attribute.g, *attribute.graphs):
            if inner.node or inner.initializer:
                yield from _external_locations(inner)


def is_short_of_memory(error: Exception) -> bool:
    """Whether `error`, as Python or OpenVINO raises it, says that memory was used up."""
    return isinstance(error, MemoryError) or _SHORT_OF_MEMORY.search(str(error)) is not None


@dataclass(frozen=True)
class LoadedModel:
    """A compiled model with one request."""

    compiled: Any
    request: Any
    absent_device: str
    """The device that the settings name, where this container does not have it; empty: it has."""

    @classmethod
    def load(cls, folder: Path, settings: Mapping[str, Any], memory: int) -> "LoadedModel":
        """The version in `folder`, compiled with serving `settings`; requests may take a part of `memory`.

        Raises RejectedError, IncompleteError for a file that the model names, and what OpenVINO raises.
        """
        name = model_file(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
        if name is None:
            raise RejectedError("it holds no model file that the server can read")
        core = ov.Core()
        device, plugin_config, absent = _device(core, settings)
        raise_for_weights(folder / name)
        model = as_served(core.read_model(folder / name), settings)
        _raise_for_many_requests(model, settings, memory)
        compiled = core.compile_model(model, device, plugin_config)
        return cls(compiled, compiled.create_infer_request(), absent)

    def take(self, tensor_for: TensorFor) -> bool:
        """Set the inputs of the next inference; False when one cannot be made up, so that none can be run."""
        for port in self.compiled.inputs:
            values = tensor_for(port.any_name, _shape(port), port.element_type.to_dtype())
            tensor = ov.Tensor(values) if values is not None else _zeros(port)
            if tensor is None:
                return False
            self.request.set_tensor(port, tensor)
        return True

    def outputs(self) -> dict[str, NDArray[Any]]:
        """What the last inference gave, by name."""
        return {_name(port): self.request.get_tensor(port).data for port in self.compiled.outputs}

    def facts(self) -> dict[str, Any]:
        """Inputs, outputs and device, as the parent reads them."""
        return {
            "absent_device": self.absent_device,
            "inputs": {port.any_name: _shape(port) for port in self.compiled.inputs},
            "outputs": [
                {
                    "name": _name(port),
                    "datatype": datatype_of_openvino(port.element_type.get_type_name()),
                    "shape": _shape(port),
                }
                for port in self.compiled.outputs
            ],
        }


def _device(core: Any, settings: Mapping[str, Any]) -> tuple[str, Mapping[str, Any], str]:
    """Where to compile with which properties, and the device that is asked for and not here."""
    device = asked = settings.get("target_device") or "CPU"
    plugin_config = settings.get("plugin_config", {})
    # asking for the devices loads the plugins of all of them, 20 MiB that a model for the CPU does not need
    here = ["CPU"] if device == "CPU" else core.available_devices
    absent = device.partition(":")[0] not in _OF_SEVERAL and not any(
        name == device or name.startswith(f"{device}.") for name in here
    )
    if absent:  # the server may see devices that this container does not; it tries them itself
        plugin_config = {}
    if absent or device not in here:
        device = "CPU"
    supported = {*core.get_property(device, "SUPPORTED_PROPERTIES"), "ENABLE_MMAP"}
    for key in plugin_config:
        if key not in supported:
            raise RejectedError(
                f"serving.plugin_config: {device} does not know {key!r}; correct or remove it"
            )
    return device, plugin_config, asked if absent else ""


def _raise_for_many_requests(model: Any, settings: Mapping[str, Any], memory: int) -> None:
    """The tensors of all requests, which the server makes in advance, must not take much memory."""
    ports = [port for port in (*model.inputs, *model.outputs) if not port.partial_shape.is_dynamic]
    each = sum(math.prod(port.shape) * port.element_type.size for port in ports)
    requests = settings.get("nireq") or 1
    if requests * each > memory // _MOST_OF_MEMORY:
        raise RejectedError(
            f"its inputs and outputs take {format_size(each)} for each of {requests} requests at a time, "
            "more than the server may have memory for; lower serving.nireq, batch_size or shape"
        )


def _zeros(port: Any) -> Any:
    """A tensor of zeros for an input; None when no sensible shape is known, then only loading is checked."""
    if port.element_type == ov.Type.string or port.partial_shape.rank.is_dynamic:
        return None
    shape = []
    for position, dimension in enumerate(port.partial_shape):
        if not dimension.is_dynamic:
            shape.append(dimension.get_length())
        elif position == 0 or dimension.min_length > 0:
            shape.append(max(1, dimension.min_length))
        else:
            return None  # a free height or width: one pixel would fail where real pictures do not
    tensor = ov.Tensor(port.element_type, ov.Shape(shape))
    if tensor.byte_size > _MAX_PROBE_BYTES:
        return None
    tensor.data[...] = 0
    return tensor


def _shape(port: Any) -> list[int]:
    if port.partial_shape.rank.is_dynamic:
        return [-1]
    return [-1 if size.is_dynamic else size.get_length() for size in port.partial_shape]


def _name(port: Any) -> str:
    names = port.get_names()
    return min(names) if names else f"out_{port.get_index()}"
