"""How many pictures a second one model gets through the whole client, and through the server alone."""

import itertools
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_common.pictures.decode import PictureLimits, decode_picture

from car_client.models.served_model import ServedModel
from car_client.pipeline.classifier import Classifier
from car_client.pipeline.given import given_file
from car_client.pipeline.request import prepared_tensor


@dataclass(frozen=True, slots=True)
class Rate:
    """What a repeated action reached; times are of one repetition, in seconds."""

    per_second: float
    median: float
    p95: float


@dataclass(frozen=True, slots=True)
class Throughput:
    """`pipeline`: from the files' bytes to verdicts. `server`: the same requests, prepared beforehand."""

    model: str
    version: int
    pipeline: Rate
    server: Rate

    @property
    def ratio(self) -> float:
        """The share of the server's own rate that the pipeline reaches."""
        return self.pipeline.per_second / self.server.per_second

    def document(self) -> dict[str, Any]:
        """For scripts; times in milliseconds."""
        return {
            "model": self.model,
            "version": self.version,
            "pipeline_per_second": round(self.pipeline.per_second, 1),
            "server_per_second": round(self.server.per_second, 1),
            "ratio": round(self.ratio, 3),
            "pipeline_ms": {"median": _ms(self.pipeline.median), "p95": _ms(self.pipeline.p95)},
            "server_ms": {"median": _ms(self.server.median), "p95": _ms(self.server.p95)},
        }


def measure_model(
    model: ServedModel,
    files: Sequence[Path],
    classifier: Classifier,
    *,
    limits: PictureLimits,
    seconds: float,
    workers: int,
) -> Throughput:
    """Classify `files` in turn for `seconds`, then send prepared tensors for as long. Raises EdgeError.

    Both run in `workers` threads of this process, one picture a request.
    """
    contents = [(file.name, given_file(file).read(limits.max_bytes)) for file in files]
    names = itertools.cycle(contents)

    def whole() -> None:
        name, content = next(names)
        picture = decode_picture(name, content, limits)
        classifier.classify(model, [picture])

    pictures = [decode_picture(name, content, limits) for name, content in contents]
    tensors = itertools.cycle([prepared_tensor(model, [picture]) for picture in pictures])

    def server_only() -> None:
        classifier.server.infer(model.name, next(tensors), model.output.name)

    whole()  # connections are made, and the model is warm
    return Throughput(
        model.name,
        model.version,
        pipeline=repeat(whole, seconds=seconds, workers=workers),
        server=repeat(server_only, seconds=seconds, workers=workers),
    )


def repeat(action: Callable[[], None], *, seconds: float, workers: int) -> Rate:
    """Do `action` in `workers` threads for `seconds`, each once at least; the first error is raised."""
    begin = time.perf_counter()
    durations: list[float] = []
    stop = threading.Event()

    def keep_doing() -> None:
        try:
            while not stop.is_set():
                before = time.perf_counter()
                action()
                durations.append(time.perf_counter() - before)
                if time.perf_counter() >= begin + seconds:
                    return
        except BaseException:
            stop.set()
            raise

    with ThreadPoolExecutor(workers) as threads:
        for future in [threads.submit(keep_doing) for _ in range(workers)]:
            future.result()
    took = time.perf_counter() - begin
    ordered = sorted(durations)
    return Rate(len(ordered) / took, statistics.median(ordered), ordered[int(len(ordered) * 0.95)])


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)
