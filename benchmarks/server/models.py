"""Models to measure with: a stand-in for an image classifier, a tiny one, and a look at any given one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
from edge_common.openvino_runtime import ov
from onnx import TensorProto, helper, numpy_helper

_OPSET = 13
_PICTURE_RANK = 4
_CHANNELS = 3
_KSERVE = {"f32": "FP32", "u8": "UINT8", "f16": "FP16"}
Array = np.ndarray[Any, np.dtype[Any]]
_BLOCKS = (
    # (channels, stride, repeats); with 224 pixels about 0.4 G multiply-adds, as EfficientNet-Lite0
    (24, 2, 3),
    (40, 2, 3),
    (112, 2, 5),
    (320, 2, 5),
)


@dataclass(frozen=True, slots=True)
class InputFacts:
    """The one input of a model, with dynamic dimensions taken as 1."""

    name: str
    shape: tuple[int, ...]
    datatype: str
    dtype: np.dtype[np.generic]

    @property
    def is_nchw_picture(self) -> bool:
        """Whether it is a picture with its three channels first."""
        return len(self.shape) == _PICTURE_RANK and self.shape[1] == _CHANNELS

    @property
    def picture_size(self) -> tuple[int, int]:
        """Height and width of the picture it takes."""
        height, width = self.shape[2:] if self.is_nchw_picture else self.shape[1:3]
        return height, width


def find_model(folder: Path) -> Path:
    """The .xml or .onnx file in a version folder."""
    for pattern in ("*.xml", "*.onnx"):
        for file in sorted(folder.glob(pattern)):
            return file
    raise SystemExit(f"{folder} holds no .xml or .onnx file; give a version folder such as models/car/1")


def input_facts(file: Path) -> InputFacts:
    """What to send to the model in `file`; it must have one input."""
    model = ov.Core().read_model(str(file))
    if len(model.inputs) != 1:
        raise SystemExit(f"{file} has {len(model.inputs)} inputs; the benchmark feeds one")
    port = model.inputs[0]
    shape = tuple(d.get_length() if d.is_static else 1 for d in port.partial_shape)
    type_name = port.element_type.get_type_name()
    return InputFacts(port.any_name, shape, _KSERVE[type_name], np.dtype(port.element_type.to_dtype()))


def picture_tensor(picture: bytes, facts: InputFacts) -> Array:
    """An encoded picture of the right size as the tensor that OVMS makes of it: blue, green, red."""
    pixels = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ValueError("the picture cannot be decoded")
    ordered = pixels.transpose(2, 0, 1) if facts.is_nchw_picture else pixels
    return np.ascontiguousarray(ordered[np.newaxis], facts.dtype)


def write_tiny(folder: Path) -> None:
    """Y = x + 1 on 10 numbers: nothing but overhead."""
    one = numpy_helper.from_array(np.ones((1, 10), np.float32), "one")
    _save(folder, [helper.make_node("Add", ["x", "one"], ["y"])], [one], (1, 10), (1, 10))


def write_stand_in(folder: Path, *, image_size: int = 224) -> None:
    """An inverted-residual CNN of EfficientNet-Lite0's cost, with random weights."""
    rng = np.random.default_rng(0)
    nodes: list[onnx.NodeProto] = []
    weights: list[onnx.TensorProto] = []

    def convolve(source: str, ins: int, outs: int, *, kernel: int, stride: int, groups: int) -> str:
        index = len(weights)
        weight = rng.standard_normal((outs, ins // groups, kernel, kernel))
        scaled = (weight / np.sqrt(weight[0].size)).astype(np.float32)
        weights.append(numpy_helper.from_array(scaled, f"w{index}"))
        nodes.append(
            helper.make_node(
                "Conv", [source, f"w{index}"], [f"c{index}"], strides=[stride, stride], group=groups,
                auto_pad="SAME_UPPER",
            )
        )  # fmt: skip
        nodes.append(helper.make_node("Relu", [f"c{index}"], [f"r{index}"]))
        return f"r{index}"

    last, channels = convolve("x", 3, 32, kernel=3, stride=2, groups=1), 32
    for outs, first_stride, repeats in _BLOCKS:
        for repeat in range(repeats):
            wide = channels * 6
            last = convolve(last, channels, wide, kernel=1, stride=1, groups=1)
            stride = first_stride if repeat == 0 else 1
            last = convolve(last, wide, wide, kernel=5, stride=stride, groups=wide)
            last, channels = convolve(last, wide, outs, kernel=1, stride=1, groups=1), outs
    last = convolve(last, channels, 1280, kernel=1, stride=1, groups=1)
    nodes.append(helper.make_node("GlobalAveragePool", [last], ["y"]))
    _save(folder, nodes, weights, (1, 3, image_size, image_size), (1, 1280, 1, 1))


def _save(
    folder: Path,
    nodes: list[onnx.NodeProto],
    weights: list[onnx.TensorProto],
    shape: tuple[int, ...],
    output: tuple[int, ...],
) -> None:
    folder.mkdir(parents=True)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, output)
    graph = helper.make_graph(nodes, "bench", [x], [y], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)])
    model.ir_version = 8
    onnx.save(model, str(folder / "model.onnx"))
