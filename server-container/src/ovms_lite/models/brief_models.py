"""Telling models whose run is so short that handing it to another thread would cost more than running it."""

import time

import numpy as np
from edge_common.openvino_runtime import ov

BRIEF_SECONDS = 150e-6
"""Longest run that may hold up the event loop; handing over costs 50 to 100 microseconds."""
_RUNS = 5
_CONTROL_FLOW = frozenset(("Loop", "TensorIterator", "If"))


def is_brief(model: ov.Model, compiled: ov.CompiledModel) -> bool:
    """Whether every run of `compiled` is short: measured, and only where a run cannot depend on the data.

    Dynamic shapes and control flow exclude a model, because a request could then make a run long.
    """
    if any(port.partial_shape.is_dynamic for port in compiled.inputs):
        return False
    if any(port.element_type == ov.Type.string for port in compiled.inputs):
        return False
    if any(operation.get_type_name() in _CONTROL_FLOW for operation in model.get_ops()):
        return False
    request = compiled.create_infer_request()
    for index, port in enumerate(compiled.inputs):
        tensor = ov.Tensor(port.element_type, port.shape)
        tensor.data[...] = np.zeros((), tensor.data.dtype)
        request.set_input_tensor(index, tensor)
    return min(_seconds(request) for _ in range(_RUNS)) < BRIEF_SECONDS


def _seconds(request: ov.InferRequest) -> float:
    began = time.perf_counter()
    request.infer(share_outputs=True)
    return time.perf_counter() - began
