"""Work of many models on a few threads: each model has a queue of its own, and they take turns."""

import threading
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")
Piece = tuple[Future[Any], Callable[[], Any]]


@dataclass
class FairQueue:
    """Hands work to `executor`, `at_once` pieces at most and `of_one_model` of one model. Thread-safe."""

    executor: Executor
    at_once: int
    of_one_model: int
    preferred: set[str] = field(default_factory=set)
    """Models whose turn comes before that of all others."""
    _waiting: dict[str, deque[Piece]] = field(default_factory=dict)
    """In the order of their turns."""
    _running: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def submit(self, model: str, work: Callable[[], T]) -> Future[T]:
        """Have `work` done when it is its turn, behind what was submitted for the same model before."""
        future: Future[T] = Future()
        with self._lock:
            self._waiting.setdefault(model, deque()).append((future, work))
        self._start_what_may()
        return future

    def others_wait(self, model: str) -> bool:
        """Whether a piece of another model would be begun if one of `model` ended now."""
        with self._lock:
            others = (name for name in self._waiting if name != model)
            return any(self._running[name] < self.of_one_model for name in others)

    def close(self) -> None:
        """Begin nothing more and wait for what runs."""
        with self._lock:
            self._waiting.clear()
        self.executor.shutdown(wait=True, cancel_futures=True)

    def _start_what_may(self) -> None:
        while (chosen := self._next()) is not None:
            self.executor.submit(self._run, *chosen)

    def _next(self) -> tuple[str, Piece] | None:
        with self._lock:
            if self._running.total() >= self.at_once:
                return None
            may = [name for name in self._waiting if self._running[name] < self.of_one_model]
            if not may:
                return None
            model = next((name for name in may if name in self.preferred), may[0])
            queue = self._waiting.pop(model)
            piece = queue.popleft()
            if queue:
                self._waiting[model] = queue  # behind all others
            self._running[model] += 1
            return model, piece

    def _run(self, model: str, piece: Piece) -> None:
        future, work = piece
        try:
            if future.set_running_or_notify_cancel():
                future.set_result(work())
        except Exception as error:  # noqa: BLE001 - a future carries whatever its work raised
            future.set_exception(error)
        finally:
            with self._lock:
                self._running[model] -= 1
                self._running += Counter()  # forget models of which nothing runs
            self._start_what_may()
