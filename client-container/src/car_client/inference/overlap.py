"""Doing several things at once while their results keep their order and the memory its bound."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def overlapped(
    function: Callable[[Item], Result], items: Iterable[Item], *, workers: int
) -> Generator[Result, None, None]:
    """`function` of every item, in order, computed by `workers` threads.

    Decoding, asking and waiting all release Python's lock, so that one picture is decoded while another is
    on its way. At most `workers` results are held ready. The first error ends it all.
    """
    with ThreadPoolExecutor(workers, thread_name_prefix="classify") as threads:
        begun: deque[Future[Result]] = deque()
        try:
            for item in items:
                begun.append(threads.submit(function, item))
                if len(begun) > workers:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            for future in begun:
                future.cancel()
