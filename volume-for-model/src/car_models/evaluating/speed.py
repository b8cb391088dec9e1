"""How fast a model is on this machine, by itself: no server, no pictures to decode."""

import statistics
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from edge_common.openvino_runtime import ov
from numpy.typing import NDArray

_WARM_UP = 3
_LEAST_RUNS = 5


@dataclass(frozen=True)
class Speed:
    """One picture at a time, and as many as the processor can do at once."""

    latency_ms: float
    """Median over single runs, one after the other, with all cores."""
    images_per_second: float
    """With several requests at a time, as OpenVINO's throughput hint sets them up."""
    processor_ms: float
    """Processor time for one picture at that; hardly differs when the machine is busy with other work."""


def measure_speed(network: ov.Model, seconds: float) -> Speed:
    """Run `network`, of fixed shape, for `seconds` each way, with the precision that a server would use."""
    core = ov.Core()
    return Speed(
        _latency(core.compile_model(network, "CPU", {"PERFORMANCE_HINT": "LATENCY"}), seconds),
        *_throughput(core.compile_model(network, "CPU", {"PERFORMANCE_HINT": "THROUGHPUT"}), seconds),
    )


def _noise(compiled: ov.CompiledModel) -> NDArray[Any]:
    port = compiled.input(0)
    values = np.random.default_rng(7).integers(0, 256, list(port.shape))
    return values.astype(port.element_type.to_dtype())


def _latency(compiled: ov.CompiledModel, seconds: float) -> float:
    request, tensor = compiled.create_infer_request(), _noise(compiled)
    for _ in range(_WARM_UP):
        request.infer([tensor])
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < _LEAST_RUNS:
        begin = time.perf_counter()
        request.infer([tensor])
        times.append(time.perf_counter() - begin)
    return statistics.median(times) * 1000


def _throughput(compiled: ov.CompiledModel, seconds: float) -> tuple[float, float]:
    requests, tensor = ov.AsyncInferQueue(compiled), _noise(compiled)
    for _ in range(len(requests)):
        requests.start_async([tensor])
    requests.wait_all()
    done, begin, used = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - begin < seconds or done < _LEAST_RUNS:
        requests.start_async([tensor])  # waits until one is free
        done += 1
    requests.wait_all()
    return done / (time.perf_counter() - begin), 1000 * (time.process_time() - used) / done
