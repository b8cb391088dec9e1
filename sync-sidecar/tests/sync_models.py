"""Real models of a few hundred bytes, good and bad."""

from pathlib import Path

import numpy as np
import onnx
from edge_common.openvino_runtime import ops, ov
from onnx import TensorProto, helper, numpy_helper


def onnx_model(*, classes: int = 3) -> bytes:
    """Float [1, 4] in, `classes` values out."""
    weights = numpy_helper.from_array(np.ones((4, classes), np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 4))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, classes))],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def write_onnx(folder: Path, *, classes: int = 3) -> Path:
    """A version folder with that model."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(onnx_model(classes=classes))
    return folder


def write_onnx_with_external_weights(folder: Path, *, location: str) -> Path:
    """A version folder with that model; its weights are written to, and read from, `location`."""
    model = onnx.load_from_string(onnx_model())
    (weights,) = model.graph.initializer
    target = folder / location
    target.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(exist_ok=True)
    target.write_bytes(weights.raw_data)
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value=location)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    return folder


def write_colour_classifier(folder: Path, *, size: int = 8, gain: float = 1.0) -> Path:
    """An IR: float image [1,3,size,size] in, the mean of each channel times `gain` out."""
    folder.mkdir(parents=True, exist_ok=True)
    image = ops.parameter([1, 3, size, size], np.float32, name="image")
    means = ops.reduce_mean(image, np.array([2, 3], np.int64), keep_dims=False)
    scores = ops.multiply(means, ops.constant(np.full((1, 3), gain, np.float32)))
    ov.save_model(ov.Model([scores], [image]), folder / "model.xml", compress_to_fp16=False)
    return folder


def write_ir(folder: Path, *, values: int = 4096) -> Path:
    """A version folder with an IR whose weights lie in `model.bin`."""
    folder.mkdir(parents=True, exist_ok=True)
    image = ops.parameter([1, values], np.float32, name="x")
    weights = ops.constant(np.arange(values, dtype=np.float32))
    ov.save_model(ov.Model([ops.add(image, weights)], [image]), folder / "model.xml", compress_to_fp16=False)
    return folder
