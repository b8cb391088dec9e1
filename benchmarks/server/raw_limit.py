"""What the machine can do at most: OpenVINO's AsyncInferQueue in this process, without any server."""

import time
from pathlib import Path

import numpy as np
from edge_common.openvino_runtime import ov
from models import InputFacts


def raw_rate(file: Path, facts: InputFacts, seconds: float) -> float:
    """Inferences a second with the settings the server uses by default."""
    compiled = ov.Core().compile_model(str(file), "CPU", {"PERFORMANCE_HINT": "THROUGHPUT"})
    queue = ov.AsyncInferQueue(compiled)
    tensor = ov.Tensor(np.zeros(facts.shape, facts.dtype))
    for _ in range(2 * len(queue)):
        queue.start_async({0: tensor})
    queue.wait_all()
    count = 0
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        queue.start_async({0: tensor})
        count += 1
    queue.wait_all()
    return count / (time.perf_counter() - began)
