"""Models of a few hundred bytes that answer a constant, so that an answer tells which model gave it."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from edge_common.openvino_runtime import ov
from onnx import TensorProto, helper, numpy_helper


def write_model(folder: Path, answer: float, *, padding: int = 0) -> Path:
    """An ONNX model that answers `answer` to every x [1, 4]; `padding` bytes make it larger."""
    folder.mkdir(parents=True)
    bias = numpy_helper.from_array(np.full((1, 4), answer, np.float32), "bias")
    zero = numpy_helper.from_array(np.zeros((1, 4), np.float32), "zero")
    initializers = [bias, zero]
    if padding:
        noise = np.random.default_rng(int(answer)).integers(0, 255, padding, np.uint8)
        initializers.append(numpy_helper.from_array(noise, "padding"))
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "zero"], ["none"]), helper.make_node("Add", ["none", "bias"], ["y"])],
        "constant",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.save(model, folder / "model.onnx")
    return folder


def write_broken_model(folder: Path) -> Path:
    """The first half of a model file."""
    whole = (write_model(folder, 1.0, padding=4096) / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(whole[: len(whole) // 2])
    return folder


def write_ir_model(folder: Path, answer: float) -> Path:
    """The same as an OpenVINO IR: model.xml and model.bin."""
    with TemporaryDirectory() as aside:
        source = write_model(Path(aside) / "onnx", answer, padding=64) / "model.onnx"
        folder.mkdir(parents=True)
        ov.save_model(ov.Core().read_model(source), folder / "model.xml", compress_to_fp16=False)
    return folder
