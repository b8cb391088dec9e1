"""Telling models whose run is so short that handing it to another thread would cost more than running it."""

import time
from collections.abc import Callable, Mapping

import numpy as np
from edge_common.openvino_runtime import ov

BRIEF_SECONDS = 150e-6
"""Longest run that may hold up the event loop; handing over costs 50 to 100 microseconds."""
_WORTH_A_TRY_SECONDS = 1e-3
"""Longest run through OpenVINO's own threads that may still turn out to be brief: handed over, when busy."""
_RUNS = 5
_IN_THE_CALLING_THREAD = {"NUM_STREAMS": 0, "INFERENCE_NUM_THREADS": 1, "EXCLUSIVE_ASYNC_REQUESTS": True}
"""Device properties: no other thread is woken, and the last one spares each run three system calls about the
thread's processors, half of the time that OpenVINO takes for a tiny model."""
_CONTROL_FLOW = frozenset(("Loop", "TensorIterator", "If"))

Properties = Mapping[str, int]


def compiled_if_brief(
    model: ov.Model, compiled: ov.CompiledModel, compile_with: Callable[[Properties], ov.CompiledModel]
) -> ov.CompiledModel | None:
    """`model` compiled for the calling thread when every run takes less than BRIEF_SECONDS, else None.

    `compiled` is the model as compiled for the device's own threads; `compile_with` compiles it with further
    properties. What counts is processor time, so that other work on the machine does not decide. None, too,
    where OpenVINO refuses those properties, as another release may: then the device's own threads run it.
    """
    if not _is_predictable(model, compiled) or _shortest(compiled, time.perf_counter) > _WORTH_A_TRY_SECONDS:
        return None
    try:
        alone = compile_with(_IN_THE_CALLING_THREAD)
    except RuntimeError:
        return None
    return alone if _shortest(alone, time.thread_time) < BRIEF_SECONDS else None


def _is_predictable(model: ov.Model, compiled: ov.CompiledModel) -> bool:
    """Whether no request can be long, as one could with dynamic shapes or control flow."""
    ports = (*compiled.inputs, *compiled.outputs)
    return not (
        any(port.partial_shape.is_dynamic or port.element_type == ov.Type.string for port in ports)
        or any(operation.get_type_name() in _CONTROL_FLOW for operation in model.get_ops())
    )


def _shortest(compiled: ov.CompiledModel, clock: Callable[[], float]) -> float:
    """Seconds that the shortest of some runs took by `clock`."""
    request = compiled.create_infer_request()
    for index, port in enumerate(compiled.inputs):
        tensor = ov.Tensor(port.element_type, port.shape)
        tensor.data[...] = np.zeros((), tensor.data.dtype)
        request.set_input_tensor(index, tensor)
    return min(_seconds(request, clock) for _ in range(_RUNS))


def _seconds(request: ov.InferRequest, clock: Callable[[], float]) -> float:
    began = clock()
    request.infer(share_outputs=True)
    return clock() - began
