"""Queues have an end, and whoever goes leaves them."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
from ovms_lite.config.entries import ModelConfig
from ovms_lite.errors import RequestError
from ovms_lite.repository.load import ModelLoader
from ovms_lite.serving import infer, pool
from ovms_lite.serving.infer import Decoders
from ovms_lite.serving.pool import InferTimes
from ovms_lite.serving.servable import Servable

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from typing import Any

    from conftest import Models
    from ovms_lite.wire.model_inputs import EncodedImages
    from ovms_lite.wire.tensors import Array

    Run = Callable[[Coroutine[Any, Any, Any]], Any]

_LONG = 2**30


def _turns(outputs: Sequence[Array]) -> float:
    return float(outputs[0].reshape(-1)[0])


def test_beyond_the_queue_of_a_model_requests_are_refused_and_those_who_go_make_room(
    models: Models, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    models.slow("m", 1)
    monkeypatch.setattr(pool, "MAX_WAITING", 2)

    async def scenario() -> list[float]:
        config = ModelConfig("m", models.root / "m", nireq=1)
        servable = Servable(config, 1, ModelLoader().load(config, 1))

        def ask(turns: float) -> asyncio.Task[float]:
            array = np.array([[turns, 0]], np.float32)
            return asyncio.create_task(servable.infer([array], _turns, InferTimes()))

        running, first, leaving = ask(300), ask(1), ask(2)
        await asyncio.sleep(0)
        with pytest.raises(RequestError, match="Too many requests are waiting - 2 requests") as refused:
            await ask(3)
        assert refused.value.status == 503
        leaving.cancel()
        await asyncio.sleep(0)
        return list(await asyncio.gather(running, first, ask(4)))

    assert run(scenario()) == [300, 1, 4]


class _Pictures:
    """Decoded when `may_end` is set."""

    def __init__(self, work: int) -> None:
        self._work = work
        self.may_end = threading.Event()

    def work(self) -> int:
        return self._work

    def decode(self) -> Array:
        self.may_end.wait(60)
        return np.zeros(1)


def _pictures(work: int) -> tuple[EncodedImages, threading.Event]:
    made = _Pictures(work)
    return cast("EncodedImages", made), made.may_end


def test_pictures_that_take_long_hold_up_nobody_but_each_other(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(infer, "_MAX_LONG_WAITING", 3)

    async def scenario() -> None:
        threads = Decoders()
        long = [_pictures(_LONG) for _ in range(4)]
        decoding = [asyncio.create_task(threads.decode(images)) for images, _ in long]
        await asyncio.sleep(0)
        with pytest.raises(RequestError, match="4 requests have pictures to decode"):
            await threads.decode(long[0][0])
        short, may_end = _pictures(1000)
        may_end.set()
        await threads.decode(short)
        assert threads.is_busy
        for _, event in long:
            event.set()
        await asyncio.gather(*decoding)
        assert not threads.is_busy

    run(scenario())


def test_a_picture_whose_sender_has_gone_is_not_decoded(run: Run) -> None:
    async def scenario() -> None:
        threads = Decoders()
        (running, running_may_end), (waiting, _) = _pictures(_LONG), _pictures(_LONG)
        first = asyncio.create_task(threads.decode(running))
        second = asyncio.create_task(threads.decode(waiting))
        await asyncio.sleep(0)
        second.cancel()  # if it were decoded, it would hold the thread
        with pytest.raises(asyncio.CancelledError):
            await second
        running_may_end.set()
        await first
        third, may_end = _pictures(_LONG)
        may_end.set()
        await threads.decode(third)

    run(scenario())
