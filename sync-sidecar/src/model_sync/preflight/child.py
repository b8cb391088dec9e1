"""The child of `preflight`: reads one JSON line, loads that model, runs it, prints one JSON line.

An empty line says first that the request was read, so that a death before is not taken for the model's fault.

It protects its parent from itself: limits on memory and time, no files but the model's and no connections
(`confinement`), first in line for the kernel's out-of-memory killer, gone when the parent is gone.
"""

import ctypes
import json
import math
import os
import re
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from edge_common.classifiers import datatype_of_openvino
from edge_common.errors import RejectedError
from edge_common.quantities import format_size

from model_sync.bucket.model_formats import model_file
from model_sync.preflight.confinement import confine_to
from model_sync.preflight.weights import unusable_weights

_PR_SET_PDEATHSIG = 1
_MAX_REASON = 300
_PROBE_DIMENSION = 1
_MAX_PROBE_BYTES = 256 * 1024 * 1024
_SHORT_OF_MEMORY = re.compile(r"bad_alloc|bad allocation|[Ff]ailed to allocate|[Oo]ut of memory")
_NICE = 10
_MOST_OF_MEMORY = 4
"""Part of the memory, as a divisor, that inputs and outputs of all requests together may take."""
_OF_SEVERAL = frozenset({"AUTO", "HETERO", "MULTI", "BATCH"})
"""Devices that stand for others; they are checked on the CPU."""


def main() -> None:
    """Entry point; imports OpenVINO before it reads, so that the import overlaps with the download."""
    answer_to = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # libraries that print must not spoil the answer
    _die_with_parent()
    _stand_back()
    from edge_common.openvino_runtime import ov  # noqa: PLC0415 - after the protections above

    from model_sync.preflight.served_shape import as_served  # noqa: PLC0415 - as above

    request = json.loads(sys.stdin.readline())
    os.write(answer_to, b"\n")
    _limit_memory(request["memory"], request["allowance"])
    resource.setrlimit(resource.RLIMIT_CPU, (request["cpu_seconds"], request["cpu_seconds"]))
    folder = Path(request["folder"])
    confine_to([folder, *([Path(request["sample"]["picture"])] if request["sample"] else [])])
    try:
        answer = _inspect(ov, as_served, folder, request)
    except RejectedError as error:
        answer = {"rejection": str(error)}
    except MemoryError:
        answer = {"short_of_memory": True}
    except RuntimeError as error:
        reason = _essence(str(error).replace(f"{folder}/", ""))
        advice = "check that the file is complete and was exported without errors, then upload it again"
        answer = {"rejection": f"OpenVINO cannot load it: {reason}; {advice}"}
        if _SHORT_OF_MEMORY.search(str(error)):
            answer = {"short_of_memory": True}
    os.write(answer_to, json.dumps(answer).encode() + b"\n")
    os._exit(0)  # no destructor of a half-broken model may change the answer


def _inspect(
    ov: Any, as_served: Callable[[Any, dict[str, Any]], Any], folder: Path, asked: dict[str, Any]
) -> dict[str, Any]:
    settings = asked["settings"]
    name = model_file(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    if name is None:
        return {"rejection": "it holds no model file that the server can read"}
    core = ov.Core()
    device = asked_device = settings.get("target_device") or "CPU"
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
            return {
                "rejection": f"serving.plugin_config: {device} does not know {key!r}; correct or remove it"
            }
    unusable = unusable_weights(folder, name)
    if unusable is not None:
        return unusable
    model = as_served(core.read_model(folder / name), settings)
    rejection = _too_many_requests(model, settings, asked["memory"])
    if rejection is None:
        compiled = core.compile_model(model, device, plugin_config)
        rejection = _run(ov, compiled, asked["sample"])
    if rejection is not None:
        return {"rejection": rejection}
    return {
        "absent_device": asked_device if absent else "",
        "inputs": {port.any_name: _shape(port) for port in compiled.inputs},
        "outputs": [(_name(port), _datatype(port), _shape(port)) for port in compiled.outputs],
    }


def _too_many_requests(model: Any, settings: dict[str, Any], memory: int) -> str | None:
    """What is wrong when the tensors of all requests, which the server makes in advance, take much memory."""
    ports = [port for port in (*model.inputs, *model.outputs) if not port.partial_shape.is_dynamic]
    each = sum(math.prod(port.shape) * port.element_type.size for port in ports)
    requests = settings.get("nireq") or 1
    if requests * each <= memory // _MOST_OF_MEMORY:
        return None
    return (
        f"its inputs and outputs take {format_size(each)} for each of {requests} requests at a time, more "
        "than the server may have memory for; lower serving.nireq, batch_size or shape"
    )


def _run(ov: Any, compiled: Any, asked: dict[str, Any] | None) -> str | None:
    """Infer once, on the sample picture or on zeros; what is wrong with the answer to the picture."""
    sample = None
    if asked is not None:
        from model_sync.preflight.sample_check import SampleCheck  # noqa: PLC0415 - only a few cards bring a picture

        sample = SampleCheck.read(asked)
    request = compiled.create_infer_request()
    for port in compiled.inputs:
        picture = None
        if sample is not None:
            picture = sample.tensor(port.any_name, _shape(port), port.element_type.to_dtype())
        tensor = ov.Tensor(picture) if picture is not None else _zeros(ov, port)
        if tensor is None:
            return None  # an input that nobody can make up: then only loading is checked
        request.set_tensor(port, tensor)
    request.infer()
    if sample is None:
        return None
    return sample.rejection({_name(port): request.get_tensor(port).data for port in compiled.outputs})


def _zeros(ov: Any, port: Any) -> Any:
    """A tensor of zeros for an input; None when no sensible shape is known, then only loading is checked."""
    if port.element_type == ov.Type.string or port.partial_shape.rank.is_dynamic:
        return None
    shape = []
    for position, dimension in enumerate(port.partial_shape):
        if not dimension.is_dynamic:
            shape.append(dimension.get_length())
        elif position == 0 or dimension.min_length > 0:
            shape.append(max(_PROBE_DIMENSION, dimension.min_length))
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


def _datatype(port: Any) -> str:
    return datatype_of_openvino(port.element_type.get_type_name())


def _name(port: Any) -> str:
    names = port.get_names()
    return min(names) if names else f"out_{port.get_index()}"


def _essence(text: str) -> str:
    """The sentence inside OpenVINO's multi-line message; the rest is source positions of its own."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if ".cpp:" not in line and not line.endswith(":")]
    return (telling or lines or ["it gives no reason"])[-1].rstrip("!. ")[:_MAX_REASON]


def _limit_memory(address_space: int, allowance: int) -> None:
    """Refuse to this process what goes beyond `allowance` bytes from here on."""
    status = Path("/proc/self/status").read_text()
    data = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmData"))
    for limit, most in ((resource.RLIMIT_AS, address_space), (resource.RLIMIT_DATA, data + allowance)):
        resource.setrlimit(limit, (most, most))


def _stand_back() -> None:
    """Take the processor and disk when nobody else wants them, and only half of the cores."""
    os.nice(_NICE)
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[: max(1, len(cores) // 2)])


def _die_with_parent() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    with suppress(OSError):  # not allowed in some sandboxes; the limits still hold
        Path("/proc/self/oom_score_adj").write_text("1000")


if __name__ == "__main__":
    main()
