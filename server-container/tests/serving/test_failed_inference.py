"""A shape that the network cannot run leaves OpenVINO's compiled model useless; nobody else may notice."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from edge_common.served_state import VersionState
from ovms_lite.config.entries import ModelConfig
from ovms_lite.errors import Fault, LoadError, RequestError
from ovms_lite.repository.load import LoadedModel, ModelLoader
from ovms_lite.serving.catalogue import ModelRecord, servable_now
from ovms_lite.serving.pool import InferTimes
from ovms_lite.serving.servable import Servable, still_answers

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from typing import Any

    from conftest import Models
    from ovms_lite.wire.tensors import Array

    Run = Callable[[Coroutine[Any, Any, Any]], Any]

_ONE_STREAM = (("NUM_STREAMS", "1"),)
_GOOD, _BAD = (1, 3, 8, 8), (1, 4, 8, 8)


def _loaded(models: Models, **settings: object) -> tuple[ModelConfig, LoadedModel]:
    models.convolution("m", 1)
    config = ModelConfig("m", models.root / "m", shape="auto", **settings)  # type: ignore[arg-type]  # any setting
    return config, ModelLoader().load(config, 1)


def _servable(models: Models, **settings: object) -> Servable:
    config, loaded = _loaded(models, **settings)
    return Servable(config, 1, loaded)


async def _ask(servable: Servable, shape: Sequence[int]) -> float:
    def value(outputs: Sequence[Array]) -> float:
        return float(outputs[0].reshape(-1)[0])

    return await servable.infer([np.ones(shape, np.float32)], value, InferTimes())


async def _ask_for_what_it_cannot_do(servable: Servable) -> None:
    with pytest.raises(RequestError, match="Internal inference error"):
        await _ask(servable, _BAD)


def test_a_failed_run_damages_a_compiled_model_and_the_check_finds_it(models: Models) -> None:
    _, loaded = _loaded(models)
    assert still_answers(loaded, (_GOOD,))
    assert not still_answers(loaded, (_BAD,))
    assert not still_answers(loaded, (_GOOD,))
    assert still_answers(loaded.load_again(), loaded.likely_shapes)


@pytest.mark.parametrize("streams", ["1", "3"])
@pytest.mark.parametrize("first", [[_GOOD], []], ids=["after a good request", "as the first request"])
def test_after_bad_requests_every_good_one_is_answered(
    models: Models, run: Run, streams: str, first: list[tuple[int, ...]]
) -> None:
    async def scenario() -> tuple[list[float], int]:
        servable = _servable(models, plugin_config=(("NUM_STREAMS", streams),))
        for shape in first:
            await _ask(servable, shape)
        for _ in range(3):
            await _ask_for_what_it_cannot_do(servable)
        answers = await asyncio.gather(*(_ask(servable, _GOOD) for _ in range(8)))
        assert servable.is_ready
        return answers, servable.replaced_count

    answers, replaced = run(scenario())
    assert answers == [27.0] * 8
    assert replaced >= 1


def test_a_failure_that_does_no_damage_replaces_nothing(models: Models, run: Run) -> None:
    async def scenario() -> int:
        servable = _servable(models)
        with pytest.raises(RequestError, match="Internal inference error"):
            await _ask(servable, (1, 3, 8))  # refused before the network runs
        assert await _ask(servable, (1, 3, 10, 10)) == 27.0
        return servable.replaced_count

    assert run(scenario()) == 0


def test_a_damaged_model_that_cannot_be_compiled_again_is_not_ready_until_it_can(
    models: Models, run: Run
) -> None:
    async def scenario() -> None:
        config, loaded = _loaded(models, plugin_config=_ONE_STREAM)
        fails = True

        def load_again() -> LoadedModel:
            if fails:
                raise LoadError("no memory; give it some")
            return loaded.load_again()

        servable = Servable(config, 1, replace(loaded, load_again=load_again))
        await _ask(servable, _GOOD)
        await _ask_for_what_it_cannot_do(servable)
        await _check_is_done()
        assert not servable.is_ready
        model = ModelRecord("m")
        model.record(1).move_to(VersionState.AVAILABLE, servable)
        assert servable_now(model, 1) is servable
        with pytest.raises(RequestError, match="not loaded yet"):  # what `…/ready` answers
            servable_now(model, 1, Fault.VERSION_NOT_LOADED)
        fails = False
        assert await _ask(servable, _GOOD) == 27.0
        assert servable.is_ready

    run(scenario())


async def _check_is_done() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait(others)


def test_a_version_that_was_let_go_during_the_check_stays_gone(models: Models, run: Run) -> None:
    async def scenario() -> int:
        servable = _servable(models, plugin_config=_ONE_STREAM)
        await _ask(servable, _GOOD)
        await _ask_for_what_it_cannot_do(servable)
        await servable.wait_until_unused()
        await _check_is_done()
        return servable.replaced_count

    assert run(scenario()) == 0
