"""The uploads that pass the gate beside the loop, and how that ends."""

import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from dataclasses import InitVar, dataclass, field
from typing import Any

from edge_common.errors import EdgeError, RejectedError

from model_sync.bucket.catalog import Catalog, Upload
from model_sync.bucket.completeness import IncompleteError
from model_sync.download.object_download import CancelledError
from model_sync.gate.gate import Gate, Incoming, StagedVersion
from model_sync.planning.model_snapshot import FetchProgress
from model_sync.planning.snapshot import FetchError
from model_sync.planning.state import RejectedAt
from model_sync.preflight.child_process import GivesWayError, Supervision
from model_sync.volume.own_files import refusal

_FETCHES_AT_A_TIME, _FETCHES_OF_A_MODEL = 8, 4
_FIRST_TURN = 10.0
"""Seconds that a preflight may take while others wait; it is made again behind them, with twice the time."""
_ENDS_WITHIN = 5.0
"""Seconds to wait for cancelled work."""
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0

Key = tuple[str, str]
"""Model and bucket version."""


@dataclass(frozen=True)
class Refused:
    """The upload still lacks something, or is not fit to serve: by `stage`."""

    upload: Upload
    reason: str
    stage: RejectedAt


Outcome = StagedVersion | Refused
_Piece = tuple[Callable[[], None], Future[Any]]
"""Work, and who is told when it fails."""


@dataclass
class FairQueue:
    """Hands out work, `at_once` pieces at most and `of_one_model` of one; models take turns. Thread-safe."""

    executor: Executor
    at_once: int
    of_one_model: int
    preferred: set[str] = field(default_factory=set)
    """Models whose turn comes before that of all others."""
    _waiting: dict[str, list[_Piece]] = field(default_factory=dict)
    """In the order of their turns."""
    _running: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def submit(self, model: str, work: Callable[[], None], outcome: Future[Any]) -> None:
        """Have `work` done behind what was submitted for `model` before; `outcome` is told what it raises."""
        with self._lock:
            self._waiting.setdefault(model, []).append((work, outcome))
        self._start_what_may()

    def others_wait(self, model: str) -> bool:
        """Whether a piece of another model would be begun if one of `model` ended now."""
        with self._lock:
            return any(self._running[name] < self.of_one_model for name in self._waiting if name != model)

    def close(self) -> None:
        """Begin nothing more and wait for what runs."""
        with self._lock:
            self._waiting.clear()
        self.executor.shutdown(wait=True, cancel_futures=True)

    def _start_what_may(self) -> None:
        while (chosen := self._next()) is not None:
            self.executor.submit(self._run, *chosen)

    def _next(self) -> tuple[str, _Piece] | None:
        with self._lock:
            may = [name for name in self._waiting if self._running[name] < self.of_one_model]
            if not may or self._running.total() >= self.at_once:
                return None
            model = next((name for name in may if name in self.preferred), may[0])
            piece, *rest = self._waiting.pop(model)
            if rest:
                self._waiting[model] = rest  # behind all others
            self._running[model] += 1
            return model, piece

    def _run(self, model: str, piece: _Piece) -> None:
        work, outcome = piece
        try:
            work()
        except Exception as error:  # noqa: BLE001 - a future carries whatever its work raised
            outcome.set_exception(error)
        finally:
            with self._lock:
                self._running[model] -= 1
                self._running += Counter()  # forget models of which nothing runs
            self._start_what_may()


@dataclass
class _Job:
    incoming: Incoming
    staged: Future[StagedVersion]


@dataclass
class FetchJobs:
    """Starts, cancels and collects fetches. Used by one thread; `work_done` is called from others."""

    gate: Gate
    work_done: Callable[[], None]
    pool: InitVar[Executor | None] = None
    """Where fetches and preflights run; None: on threads of their own."""
    fetch_errors: dict[Key, FetchError] = field(default_factory=dict)
    """Why fetches ended early that have not succeeded since."""
    _jobs: dict[Key, _Job] = field(default_factory=dict)
    _fetches: FairQueue = field(init=False)
    _preflights: FairQueue = field(init=False)

    def __post_init__(self, pool: Executor | None) -> None:
        at_once = self.gate.preflight.shares if self.gate.preflight is not None else 1
        fetches = pool or ThreadPoolExecutor(_FETCHES_AT_A_TIME, "fetch")
        self._fetches = FairQueue(fetches, _FETCHES_AT_A_TIME, _FETCHES_OF_A_MODEL)
        self._preflights = FairQueue(pool or ThreadPoolExecutor(at_once, "preflight"), at_once, 1)

    def start(self, incoming: Incoming) -> None:
        """Fetch an upload in the background; the one running for the same source must have ended."""
        upload = incoming.upload
        job = _Job(incoming, Future())
        job.staged.add_done_callback(lambda _: self.work_done())
        self._jobs[upload.model, upload.bucket_version] = job

        def fetch() -> None:
            fetched = self.gate.fetch(incoming)
            if self.gate.preflight is None:
                job.staged.set_result(fetched)
            else:
                self._preflight(job, fetched, _FIRST_TURN)

        self._fetches.submit(upload.model, fetch, job.staged)

    def _preflight(self, job: _Job, fetched: StagedVersion, turn: float) -> None:
        incoming, model = job.incoming, job.incoming.upload.model

        def gives_way(took: float) -> bool:
            return took > turn and self._preflights.others_wait(model)

        def check() -> None:
            self._preflights.preferred.discard(model)
            try:
                staged = self.gate.check(incoming, fetched, Supervision(incoming.cancelled, gives_way))
            except GivesWayError:
                self._preflight(job, fetched, 2 * turn)
            else:
                self._preflights.preferred.add(model)  # what has done no harm need not wait for what may
                job.staged.set_result(staged)

        self._preflights.submit(model, check, job.staged)

    def expect_upload(self, *, expected: bool) -> None:
        """Tell whether an upload is arriving at the moment, so that what takes time is prepared."""
        if self.gate.preflight is not None:
            (self.gate.preflight.expect_upload if expected else self.gate.preflight.release)()

    def cancel(self, key: Key) -> None:
        """Ask a fetch to end; it is collected when it has."""
        self._jobs[key].incoming.cancelled.set()

    def fetches(self) -> dict[Key, FetchProgress]:
        """How far each fetch is that runs."""
        return {
            key: FetchProgress(one.upload.upload_id, one.progress.phase, one.progress.fraction)
            for key, one in ((key, job.incoming) for key, job in self._jobs.items())
        }

    def is_running(self, key: Key) -> bool:
        """Whether an upload of this bucket version is being fetched."""
        return key in self._jobs

    def forget_errors_of_gone(self, catalog: Catalog) -> None:
        """Forget why uploads could not be fetched that `catalog` does not list: nobody tries them again."""
        for name, bucket_version in list(self.fetch_errors):
            model = catalog.models.get(name)
            if model is None or bucket_version not in model.versions:
                del self.fetch_errors[name, bucket_version]

    def collect(self, now: float) -> list[tuple[Key, Outcome]]:
        """The fetches that have ended since the last call; `now` is monotonic.

        Those that only failed are remembered as fetch errors and tried again after a growing pause.
        Raises whatever a fetch raised that is not one of our errors: that is a defect.
        """
        outcomes: list[tuple[Key, Outcome]] = []
        for key in [key for key, job in self._jobs.items() if job.staged.done()]:
            job = self._jobs.pop(key)
            try:
                outcomes.append((key, job.staged.result()))
            except RejectedError as error:
                stage = RejectedAt.UPLOAD if isinstance(error, IncompleteError) else RejectedAt.CHECK
                outcomes.append((key, Refused(job.incoming.upload, str(error), stage)))
            except CancelledError:
                continue
            except (EdgeError, OSError) as error:
                self._remember(key, refusal(error) if isinstance(error, OSError) else str(error), now)
                continue
            self.fetch_errors.pop(key, None)
        return outcomes

    @property
    def outstanding_bytes(self) -> int:
        """Bytes that the running fetches have not written yet, as far as their listings tell."""
        under_way = (job.incoming for job in self._jobs.values())
        return sum(max(0, one.upload.size - one.progress.done) for one in under_way)

    def abandon(self) -> None:
        """Cancel everything and forget it, after seconds even what has not ended by then."""
        for key in self._jobs:
            self.cancel(key)
        wait([job.staged for job in self._jobs.values()], timeout=_ENDS_WITHIN)
        self._jobs.clear()

    def close(self) -> None:
        """Cancel everything and wait for it."""
        for key in self._jobs:
            self.cancel(key)
        for queue in (self._fetches, self._preflights):
            queue.close()
        if self.gate.preflight is not None:
            self.gate.preflight.release(at_once=True)

    def _remember(self, key: Key, reason: str, now: float) -> None:
        attempts = self.fetch_errors[key].attempts + 1 if key in self.fetch_errors else 1
        pause = min(_FIRST_PAUSE * 2.0 ** min(attempts - 1, 32), _LONGEST_PAUSE)
        jittered = pause * random.uniform(0.75, 1.25)  # noqa: S311 - spreads retries, keeps no secret
        self.fetch_errors[key] = FetchError(reason, attempts, now + jittered)
