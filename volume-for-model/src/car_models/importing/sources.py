"""A model file of any kind that can be read without running anything in it -> a network in memory.

What the program that wrote it says in the metadata of an ONNX file, OpenVINO keeps in an IR.
"""

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

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
from car_models.packaging.openvino_ir import openvino_errors

_KEYS: Final = ("names", "id2label", "labels", "class_names", "classes", "categories", "character")
"""Of class names by ultralytics, transformers, hand-made ones, PaddleX; the first that can be read counts."""
_MOST_CHARACTERS: Final = 1024 * 1024
_CHECKPOINTS: Final = frozenset({".pt", ".pth", ".ckpt", ".tar", ".bin", ".pkl", ".pickle", ".safetensors"})
_BY_OPENVINO: Final = frozenset({".pb", ".tflite", ".pdmodel"})
_KERAS: Final = frozenset({".keras", ".h5", ".hdf5"})
_SAVED_MODEL: Final = "saved_model.pb"
_IMAGE: Final = "image"
KINDS: Final = (
    "ONNX (.onnx), OpenVINO IR (.xml), TensorFlow (.pb, SavedModel folder), .tflite, Paddle (.pdmodel), "
    "EfficientNet checkpoints (.pth, .pt, .ckpt, .safetensors)"
)


@dataclass(frozen=True)
class Source:
    """A network as it was read, and what its file says about it under Model API's key names."""

    network: ov.Model
    model_info: Mapping[str, str] = field(default_factory=dict)
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
        if not (path / _SAVED_MODEL).is_file():
            raise RejectedError(f"{path} is a folder without {_SAVED_MODEL}; give a model file: {KINDS}")
        return Source(_read(path))
    if suffix == ".onnx":
        return _onnx(path)
    if suffix == ".xml":
        return _ir(path)
    if suffix in _BY_OPENVINO:
        return Source(_read(path))
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
    metadata = {prop.key: prop.value for prop in model.metadata_props}
    info = {key.removeprefix(prefix): metadata[key] for key in metadata if key.startswith(prefix)}
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
    scores = efficientnet.add_logits(graph, _IMAGE, architecture, weights.tensors, weights.family.conventions)
    designed = architecture.size_in(weights.family)
    height, width = size or (designed, designed)
    classes = len(weights.tensors["_fc.bias"])
    model = graph.model(
        path.stem, image=_IMAGE, image_shape=[1, 3, height, width], output=scores, output_shape=[1, classes]
    )
    notes = [f"weights of {architecture.name} with {classes} classes, named as by {weights.family}"]
    if size is None:
        notes.append(
            f"size {height}x{width}, that of {architecture.name} by {weights.family}; --size says another"
        )
    if weights.guessed:
        notes.append("taken for timm's own network; weights of its tf_efficientnet_… need --family timm-tf")
    network = ov.Core().read_model(onnx_bytes(model))
    return Source(network, notes=tuple(notes), size=(height, width), family=weights.family)


def labels_of_metadata(metadata: Mapping[str, str]) -> tuple[str, ...] | None:
    """The class names in `metadata`, in the model's order; None where no known key holds any.

    Read are a Python or JSON list, a mapping from each number to its name, one name a line, and names with
    commas between.
    """
    for key in _KEYS:
        text = metadata.get(key, "")
        if 0 < len(text) <= _MOST_CHARACTERS:
            labels = _in_order(_literal(text))
            if labels is not None:
                return labels
    return None


def model_info_of_metadata(metadata: Mapping[str, str]) -> Mapping[str, str]:
    """What `metadata` says of pictures, under Model API's names; empty where its author is not known.

    Known is ultralytics' exporter (8.4), whose classifiers take RGB from 0 to 1. Raises RejectedError when it
    says that the model is no classifier.
    """
    if metadata.get("author") != "Ultralytics":
        return {}
    task = metadata.get("task", "classify")
    if task != "classify":
        raise RejectedError(
            f"the file says that its task is {task!r}; only image classifiers can be served, which "
            "ultralytics calls 'classify' and names …-cls: export one of those"
        )
    return {"model_type": "YOLO", "reverse_input_channels": "True", "scale_values": "255"}


def _literal(text: str) -> Any:
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue  # not written that way
    return text.splitlines() if "\n" in text.strip() else text.split(",")


def _in_order(value: Any) -> tuple[str, ...] | None:
    if isinstance(value, dict):
        numbered = {str(key): name for key, name in value.items()}
        value = [numbered.get(str(index)) for index in range(len(numbered))]
    if not isinstance(value, list | tuple):
        return None
    labels = tuple(str(name).strip() for name in value if isinstance(name, str | int))
    usable = len(labels) == len(value) and all(labels) and len(set(labels)) == len(labels)
    return labels if usable and len(labels) > 1 else None
