"""Dynamic batching: concurrent requests of one row each are run as one inference, and each gets its own row.

First how requests become a batch and answers of it, then who waits for whom. Which models can be batched is
told in batchable_models.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import numpy as np

from ovms_lite.errors import RequestError
from ovms_lite.models.batchable_models import ALONE
from ovms_lite.models.infer_pool import InferTimes
from ovms_lite.models.servable import Servable
from ovms_lite.repeated_failures import RepeatedFailures
from ovms_lite.wire.tensors import Array

_Answer = TypeVar("_Answer")


def concatenate(requests: Sequence[Sequence[Array]]) -> list[Array]:
    """The inputs of one batch, from those of each request in the model's order; their shapes are equal."""
    return [np.concatenate(rows) for rows in zip(*requests, strict=True)]


def split(outputs: Sequence[Array], count: int) -> list[list[Array]]:
    """The outputs of each of `count` requests; every output has that many rows."""
    return [[output[row : row + 1] for output in outputs] for row in range(count)]


def _copies(outputs: Sequence[Array]) -> list[Array]:
    """Outputs that outlive the run: the infer request's own memory is overwritten by the next one."""
    return [output.copy() for output in outputs]


class _Run(NamedTuple):
    """What a batch came to for one of its members."""

    outputs: list[Array]
    times: InferTimes


class _Member(NamedTuple):
    """A request that waits; `run` None: it has to be run alone."""

    arrays: Sequence[Array]
    run: "asyncio.Future[_Run | None]"


_Key = tuple[Servable, tuple[tuple[int, ...], ...]]
"""What members of a batch have in common: the version and the shapes of the inputs."""


@dataclass(slots=True)
class _Gathering:
    """A batch that still takes members, until `timer` or the limit closes it."""

    timer: asyncio.TimerHandle
    members: list[_Member] = field(default_factory=list)


class Batching:
    """Runs requests, together where that is possible. All methods belong to the event loop's thread.

    A request waits for others for `window_seconds` at most. Callers keep the version in use meanwhile.
    """

    def __init__(self, window_seconds: float) -> None:
        self._window = window_seconds
        self._gatherings: dict[_Key, _Gathering] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._failures = RepeatedFailures()

    async def infer(
        self,
        servable: Servable,
        arrays: Sequence[Array],
        answer: Callable[[Sequence[Array]], _Answer],
        times: InferTimes,
    ) -> _Answer:
        """As `Servable.infer`, perhaps in one run with other requests; raises RequestError."""
        if servable.batch_limit == ALONE or any(len(array) != 1 for array in arrays):
            return await servable.infer(arrays, answer, times)
        queued = time.perf_counter()
        run = await self._join(servable, arrays)
        if run is None:
            return await servable.infer(arrays, answer, times)
        times.queued, times.started, times.finished = queued, run.times.started, run.times.finished
        return answer(run.outputs)

    def _join(self, servable: Servable, arrays: Sequence[Array]) -> "asyncio.Future[_Run | None]":
        loop = asyncio.get_running_loop()
        key = (servable, tuple(array.shape for array in arrays))
        gathering = self._gatherings.get(key)
        if gathering is None:
            gathering = _Gathering(loop.call_later(self._window, self._close, key))
            self._gatherings[key] = gathering
        member = _Member(arrays, loop.create_future())
        gathering.members.append(member)
        if len(gathering.members) >= servable.batch_limit:
            self._close(key)
        return member.run

    def _close(self, key: _Key) -> None:
        gathering = self._gatherings.pop(key)
        gathering.timer.cancel()
        if len(gathering.members) == ALONE:
            _let_run_alone(gathering.members)
            return
        task = asyncio.get_running_loop().create_task(self._run(key[0], gathering.members))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _run(self, servable: Servable, members: Sequence[_Member]) -> None:
        """Run those members that still wait; however it ends, none of them is left waiting."""
        waiting = [member for member in members if not member.run.done()]
        if not waiting:  # nobody keeps the version in use any more
            return
        times = InferTimes()
        try:
            with servable.in_use():
                batch = concatenate([member.arrays for member in waiting])
                outputs = await servable.infer(batch, _copies, times)
            for member, own in zip(waiting, split(outputs, len(waiting)), strict=True):
                if not member.run.done():  # its client may have gone
                    member.run.set_result(_Run(own, times))
        except RequestError:
            self._failures.report(
                f"batch of {servable.name} version {servable.version}",
                "OpenVINO failed; the requests are run one by one",
                model=servable.name,
                version=servable.version,
            )
        finally:
            _let_run_alone(waiting)


def _let_run_alone(members: Sequence[_Member]) -> None:
    for member in members:
        if not member.run.done():
            member.run.set_result(None)
