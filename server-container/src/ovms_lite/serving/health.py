"""Whether a compiled model still answers; what has to be asked after a failure inside OpenVINO.

Measured on OpenVINO 2026.3: a run that fails in a model with free dimensions, by a shape that the network
cannot take, can leave the compiled model unable to run shapes that it ran before, in every infer request.
"""

from collections.abc import Sequence

import numpy as np
from edge_common.openvino_runtime import ov

from ovms_lite.repository.load import LoadedModel
from ovms_lite.serving.tensor_memory import as_tensor
from ovms_lite.wire.tensors import TensorInfo

Shapes = tuple[tuple[int, ...], ...]


def still_answers(loaded: LoadedModel, shapes: Shapes) -> bool:
    """Whether every stream of the model runs inputs of these shapes. Blocking; run it in a thread.

    A stream has a graph of its own, and one damaged among several is found only when all run at a time.
    """
    try:
        requests = [loaded.compiled.create_infer_request() for _ in range(stream_count(loaded.compiled))]
    except RuntimeError:
        return False
    started = [_starts(request, loaded.inputs, shapes) for request in requests]
    ended = [_ends(request) for request in requests]  # all of them, so that none is dropped while it runs
    return all(started) and all(ended)


def _starts(request: ov.InferRequest, infos: Sequence[TensorInfo], shapes: Shapes) -> bool:
    try:
        for index, (info, shape) in enumerate(zip(infos, shapes, strict=True)):
            empty = b"" if info.element.is_string else 0
            request.set_input_tensor(index, as_tensor(np.full(shape, empty, info.element.numpy), info))
        request.start_async()
    except RuntimeError:
        return False
    return True


def _ends(request: ov.InferRequest) -> bool:
    try:
        request.wait()
    except RuntimeError:
        return False
    return True


def stream_count(compiled: ov.CompiledModel) -> int:
    """How many inferences the device runs side by side; `ovms_streams` of the metrics."""
    try:
        return int(compiled.get_property("NUM_STREAMS"))
    except RuntimeError:  # a device without streams
        return 1
