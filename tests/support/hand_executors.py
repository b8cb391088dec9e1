"""Executors without threads of their own: one runs at once, one when it is told."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from concurrent.futures.thread import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


def _run(future: Future[Any], work: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(work())
    except Exception as error:  # noqa: BLE001 - a future carries whatever its work raised
        future.set_exception(error)


class AtOnce(Executor):
    """Runs work where it is submitted."""

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        future: Future[_T] = Future()
        _run(future, lambda: fn(*args, **kwargs))
        return future


class WhenTold(ThreadPoolExecutor):
    """Keeps work until `run_next`; a ThreadPoolExecutor by type only, it starts no thread."""

    def __init__(self) -> None:
        super().__init__(1)
        self.waiting: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        future: Future[_T] = Future()
        self.waiting.append((future, lambda: fn(*args, **kwargs)))
        return future

    def run_next(self) -> bool:
        """Do the oldest piece of work; False when there is none."""
        if not self.waiting:
            return False
        _run(*self.waiting.pop(0))
        return True
