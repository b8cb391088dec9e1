"""A model file of any kind that can be read without running anything in it -> a network in memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import onnx
from edge_common.errors import RejectedError
from edge_common.model_info import labels_of_model_info
from edge_common.openvino_runtime import ov
from google.protobuf.message import DecodeError
from model_sync.upload import path_problem

from car_models.importing.checkpoints import efficientnet
from car_models.importing.checkpoints.architectures import Family
from car_models.importing.checkpoints.names import named_weights
from car_models.importing.checkpoints.onnx_graph import GraphBuilder, onnx_bytes
from car_models.importing.checkpoints.reader import read_checkpoint
from car_models.importing.exporter_metadata import labels_of_metadata, model_info_of_metadata
from car_models.packaging.openvino_ir import openvino_errors

IMAGE = "image"
SCORES = "logits"
_CHECKPOINTS: Final = frozenset({".pt", ".pth", ".ckpt", ".tar", ".bin", ".pkl", ".pickle", ".safetensors"})
_BY_OPENVINO: Final = frozenset({".pb", ".tflite", ".pdmodel"})
_KERAS: Final = frozenset({".keras", ".h5", ".hdf5"})
_SAVED_MODEL: Final = "saved_model.pb"
KINDS: Final = (
    "ONNX (.onnx), OpenVINO IR (.xml), TensorFlow (.pb, SavedModel folder), .tflite, Paddle (.pdmodel), "
    "EfficientNet checkpoints (.pth, .pt, .ckpt, .safetensors)"
)


@dataclass(frozen=True)
class Source:
    """A network as it was read, and what its file says about it under Model API's key names."""

    network: ov.Model
    model_info: Mapping[str, str]
    notes: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    """Height and width the architecture was designed for, where the file leaves that open."""
    labels: tuple[str, ...] | None = None
    """Class names that the file brings."""
    family: Family | None = None
    """Whose network the weights of a checkpoint are of."""


def read_source(path: Path, *, size: tuple[int, int] | None = None, family: Family | None = None) -> Source:
    """The network in `path`; `size` and `family` are for checkpoints, which tell neither.

    Raises RejectedError when it is of no known kind, damaged, or would have to be run to be read.
    """
    if not path.exists():
        raise RejectedError(f"{path} is not there; give a model file: {KINDS}")
    suffix = path.suffix.lower()
    if path.is_dir():
        return _saved_model(path)
    if suffix == ".onnx":
        return _onnx(path)
    if suffix == ".xml":
        return _ir(path)
    if suffix in _BY_OPENVINO:
        return Source(_read(path), {})
    if suffix == ".bin" and path.with_suffix(".xml").exists():
        raise RejectedError(
            f"{path} holds the weights of an IR; give {path.with_suffix('.xml').name} instead"
        )
    if suffix in _CHECKPOINTS:
        return _checkpoint(path, size, family)
    if suffix in _KERAS:
        raise RejectedError(
            f"{path} is a Keras file, which only Keras can read; write a SavedModel with "
            "model.export('FOLDER') and import that folder"
        )
    raise RejectedError(f"{path} is no model file of a kind that is known: {KINDS}")


def _saved_model(path: Path) -> Source:
    if not (path / _SAVED_MODEL).is_file():
        raise RejectedError(f"{path} is a folder without {_SAVED_MODEL}; give a model file: {KINDS}")
    return Source(_read(path), {})


def _ir(path: Path) -> Source:
    if not path.with_suffix(".bin").is_file():
        raise RejectedError(f"{path} needs {path.with_suffix('.bin').name} beside it; put it there")
    network = _read(path)
    info, metadata = _rt_info(network, "model_info"), _rt_info(network, "framework")
    return _with_metadata(network, info, metadata)


def _with_metadata(network: ov.Model, info: Mapping[str, str], metadata: Mapping[str, str]) -> Source:
    """`info` comes before what the program that wrote the file says in its `metadata`."""
    said = {**model_info_of_metadata(metadata), **info}
    return Source(network, said, labels=labels_of_model_info(info) or labels_of_metadata(metadata))


def _rt_info(network: ov.Model, section: str) -> dict[str, str]:
    """A section of rt_info as text; OpenVINO keeps an ONNX file's metadata under `framework`."""
    if not network.has_rt_info([section]):
        return {}
    value = network.get_rt_info([section]).value
    return {str(key): str(each) for key, each in value.items()} if isinstance(value, dict) else {}


def _onnx(path: Path) -> Source:
    try:
        model = onnx.load(path, load_external_data=False)
    except DecodeError as error:
        raise RejectedError(f"{path} is no ONNX file, or damaged; export it again") from error
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                _check_location(path, entry.value)
    prefix = "model_info "
    info = {
        prop.key.removeprefix(prefix): prop.value
        for prop in model.metadata_props
        if prop.key.startswith(prefix)
    }
    metadata = {prop.key: prop.value for prop in model.metadata_props}
    return _with_metadata(_read(path), info, metadata)


def _check_location(path: Path, location: str) -> None:
    """OpenVINO would follow ../../secret; nothing outside the model's own folder may be read."""
    if path_problem(location) is not None:
        raise RejectedError(f"{path} keeps weights in {location!r}, outside its folder; export it anew")
    if not (path.parent / location).is_file():
        raise RejectedError(f"{path} keeps weights in {location}, which is not beside it; put it there")


def _read(path: Path) -> ov.Model:
    with openvino_errors(f"OpenVINO cannot read {path}", "export it again"):
        return ov.Core().read_model(path)


def _checkpoint(path: Path, size: tuple[int, int] | None, family: Family | None) -> Source:
    weights = named_weights(read_checkpoint(path), family)
    architecture = efficientnet.recognise(weights.tensors)
    graph = GraphBuilder()
    scores = efficientnet.add_logits(graph, IMAGE, architecture, weights.tensors, weights.family.conventions)
    designed = architecture.size_in(weights.family)
    height, width = size or (designed, designed)
    classes = len(weights.tensors["_fc.bias"])
    model = graph.model(
        path.stem, image=IMAGE, image_shape=[1, 3, height, width], output=scores, output_shape=[1, classes]
    )
    notes = [f"weights of {architecture.name} with {classes} classes, named as by {weights.family}"]
    if size is None:
        notes.append(
            f"size {height}x{width}, that of {architecture.name} by {weights.family}; --size says another"
        )
    if weights.guessed:
        notes.append("taken for timm's own network; weights of its tf_efficientnet_… need --family timm-tf")
    network = ov.Core().read_model(onnx_bytes(model))
    return Source(network, {}, tuple(notes), (height, width), family=weights.family)
