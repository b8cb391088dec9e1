"""A small model that takes its time to load, and much of the processor."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def slow_model(products: int) -> bytes:
    """An ONNX file for x [1, 4] that folds a chain of so many matrix products when it is loaded."""
    side = numpy_helper.from_array(np.array([600, 600], np.int64), "side")
    value = numpy_helper.from_array(np.array(0.001, np.float32), "value")
    zero = numpy_helper.from_array(np.array(0, np.float32), "zero")
    nodes = [helper.make_node("Expand", ["value", "side"], ["k0"])]
    nodes += [helper.make_node("MatMul", [f"k{n}", "k0"], [f"k{n + 1}"]) for n in range(products)]
    nodes += [
        helper.make_node("ReduceMax", [f"k{products}"], ["most"], keepdims=0),
        helper.make_node("Mul", ["most", "zero"], ["none"]),
        helper.make_node("Add", ["x", "none"], ["y"]),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "slow", ends[:1], ends[1:], [side, value, zero])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    content: bytes = onnx.ModelProto.SerializeToString(model)
    return content
