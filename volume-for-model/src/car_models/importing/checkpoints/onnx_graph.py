"""Building ONNX files with the same bytes each time."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8
"""Both from 2022: read by every ONNX runtime of the last years; nothing newer is needed."""


class GraphBuilder:
    """Collects nodes and constants; the output of a node carries the node's name.

    With `half_weights`, float constants of more than one element are stored as FP16 and cast back to FP32 in
    the graph: half the file, the same arithmetic.
    """

    def __init__(self, *, half_weights: bool = False) -> None:
        self._half_weights = half_weights
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._names: dict[str, str] = {}

    def add(self, op_type: str, *inputs: str, name: str, **attributes: Any) -> str:
        """Add a node with one output; returns the output's name, which is `name`."""
        self._nodes.append(helper.make_node(op_type, inputs, [name], name=name, **attributes))
        return name

    def constant(self, name: str, value: NDArray[Any] | np.generic) -> str:
        """Add a constant once; returns the name under which nodes find it."""
        if name in self._names:
            return self._names[name]
        array = np.asarray(value)
        if self._half_weights and array.dtype == np.float32 and array.size > 1:
            self._constants[f"{name}.fp16"] = numpy_helper.from_array(
                array.astype(np.float16), f"{name}.fp16"
            )
            self._names[name] = self.add("Cast", f"{name}.fp16", name=name, to=TensorProto.FLOAT)
        else:
            self._constants[name] = numpy_helper.from_array(array, name)
            self._names[name] = name
        return self._names[name]

    def model(
        self,
        name: str,
        *,
        image: str,
        image_shape: Sequence[int | str],
        output: str,
        output_shape: Sequence[int | str],
    ) -> onnx.ModelProto:
        """The finished model, checked by onnx's own checker."""
        graph = helper.make_graph(
            self._nodes,
            name,
            [helper.make_tensor_value_info(image, TensorProto.FLOAT, image_shape)],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, output_shape)],
            initializer=list(self._constants.values()),
        )
        model = helper.make_model(
            graph,
            producer_name="car-models",
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
        )
        onnx.checker.check_model(model, full_check=True)
        return model


def onnx_bytes(model: onnx.ModelProto) -> bytes:
    """The file; protobuf's deterministic mode fixes the order of everything."""
    content: bytes = model.SerializeToString(deterministic=True)
    return content
