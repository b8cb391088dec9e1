"""What a person asks of the loop from another thread: to try something again, or to believe a removal."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue

from model_sync.loop.apply import Applier
from model_sync.loop.bucket_watch import BucketWatch


@dataclass(frozen=True)
class Retry:
    """Try a rejected version, or one that could not be fetched, again now."""

    model: str
    bucket_version: str


@dataclass(frozen=True)
class Release:
    """Believe what the bucket lacks now, of one model or, with an empty name, of all."""

    model: str


@dataclass
class Requests:
    """Waits for the next step. `put` is thread-safe."""

    _queue: SimpleQueue[Retry | Release] = field(default_factory=SimpleQueue)

    def put(self, request: Retry | Release) -> None:
        """Have it carried out by the next step."""
        self._queue.put(request)

    def carry_out(self, applier: Applier, bucket: BucketWatch) -> bool:
        """Carry out all that wait; whether there were any."""
        asked = list(self._take())
        for request in asked:
            if isinstance(request, Release):
                bucket.release(request.model)
            else:
                _retry(request, applier)
        return bool(asked)

    def _take(self) -> Iterator[Retry | Release]:
        while True:
            try:
                yield self._queue.get_nowait()
            except Empty:
                return


def _retry(request: Retry, applier: Applier) -> None:
    model = applier.state.model(request.model)
    rejection = model.rejections.get(request.bucket_version)
    if rejection is not None:
        due = replace(rejection, retry_at=applier.clock.now())
        applier.records.change(request.model, model.with_rejection(request.bucket_version, due))
    applier.under_way.jobs.fetch_errors.pop((request.model, request.bucket_version), None)
