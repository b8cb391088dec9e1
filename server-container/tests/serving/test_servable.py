from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING

import numpy as np
import pytest
from edge_common.openvino_runtime import ops, ov
from ovms_lite.config.entries import ModelConfig
from ovms_lite.errors import RequestError
from ovms_lite.repository.load import ModelLoader
from ovms_lite.serving.pool import InferTimes
from ovms_lite.serving.servable import Servable

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from typing import Any

    from conftest import Models
    from ovms_lite.wire.tensors import Array

    Run = Callable[[Coroutine[Any, Any, Any]], Any]


def _first(outputs: Sequence[Array]) -> list[float]:
    values: list[float] = np.asarray(outputs[0]).reshape(-1).tolist()
    return values


def _servable(models: Models, **settings: object) -> Servable:
    config = ModelConfig("m", models.root / "m", **settings)  # type: ignore[arg-type]  # any setting
    return Servable(config, 1, ModelLoader().load(config, 1))


@pytest.mark.parametrize("nireq", [0, 1, 2])
def test_more_requests_than_infer_requests_wait_and_each_gets_its_own_answer(
    models: Models, run: Run, nireq: int
) -> None:
    models.add("m", 1, 10.0)

    async def scenario() -> list[list[float]]:
        servable = _servable(models, nireq=nireq)
        inputs = [np.full((1, 2), value, np.float32) for value in range(50)]
        answers = [servable.infer([array], _first, InferTimes()) for array in inputs]
        return await asyncio.gather(*answers)

    assert run(scenario()) == [[10.0 + value] * 2 for value in range(50)]


def test_a_version_in_use_is_not_let_go_before_the_answer(models: Models, run: Run) -> None:
    models.slow("m", 1)

    async def scenario() -> list[str]:
        servable = _servable(models)
        order: list[str] = []

        async def ask() -> None:
            with servable.in_use():
                turns = np.array([[300, 0]], np.float32)
                await servable.infer([turns], _first, InferTimes())
                order.append("answered")

        async def let_go() -> None:
            await servable.wait_until_unused()
            order.append("let go")

        asking = asyncio.create_task(ask())
        await asyncio.sleep(0)
        await asyncio.gather(asking, let_go())
        return order

    assert run(scenario()) == ["answered", "let go"]


def test_a_failure_inside_openvino_is_an_answer_and_the_next_request_works(models: Models, run: Run) -> None:
    folder = models.root / "m" / "1"
    folder.mkdir(parents=True)
    a, b = (ops.parameter(ov.PartialShape([-1]), ov.Type.f32, name=name) for name in "ab")
    ov.save_model(ov.Model([ops.add(a, b)], [a, b]), str(folder / "model.xml"))

    async def scenario() -> list[float]:
        servable = _servable(models, nireq=1)
        mismatched: list[Array] = [np.zeros(3, np.float32), np.zeros(2, np.float32)]
        with pytest.raises(RequestError, match="Internal inference error"):
            await servable.infer(mismatched, _first, InferTimes())
        return await servable.infer([np.ones(2, np.float32)] * 2, _first, InferTimes())

    assert run(scenario()) == [2.0, 2.0]


@pytest.mark.parametrize(
    ("type_name", "dtype"),
    [("bf16", np.uint16), ("f16", np.float16), ("i64", np.int64), ("boolean", np.bool_), ("u8", np.uint8)],
)
def test_tensors_of_every_storage_come_back(
    models: Models, run: Run, type_name: str, dtype: type[np.generic]
) -> None:
    folder = models.root / "m" / "1"
    folder.mkdir(parents=True)
    x = ops.parameter(ov.PartialShape([1, 4]), getattr(ov.Type, type_name), name="x")
    ov.save_model(ov.Model([ops.concat([x], 1)], [x]), str(folder / "model.xml"), compress_to_fp16=False)
    sent = np.array([[0, 1, 1, 0]]).astype(dtype)

    async def scenario() -> list[float]:
        return await _servable(models).infer([sent], _first, InferTimes())

    assert run(scenario()) == sent.reshape(-1).tolist()


def _turns(count: int) -> Array:
    return np.array([[count, 0]], np.float32)


class _Watched(np.ndarray):
    """An array that can be referred to weakly."""


def test_a_caller_who_goes_leaves_request_and_memory_to_openvino_until_the_run_has_ended(
    models: Models, run: Run
) -> None:
    models.slow("m", 1)

    async def scenario() -> None:
        servable = _servable(models, nireq=1)
        array = _turns(300).view(_Watched)
        memory = weakref.ref(array)
        leaving = asyncio.create_task(servable.infer([array], _first, InferTimes()))
        del array
        await asyncio.sleep(0)  # the run has begun
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        del leaving
        assert servable.busy_count == 1
        assert memory() is not None
        await servable.infer([_turns(1)], _first, InferTimes())  # gets the request once it is free
        await servable.wait_until_unused()
        assert memory() is None

    run(scenario())


def test_a_request_given_to_a_caller_who_just_went_goes_to_the_next(models: Models, run: Run) -> None:
    models.slow("m", 1)

    async def scenario() -> list[float]:
        servable = _servable(models, nireq=1)
        tasks: list[asyncio.Task[list[float]]] = []

        def answer(outputs: Sequence[Array]) -> list[float]:
            # The second is told to go after the request was given to it, and before it could take it.
            asyncio.get_running_loop().call_soon(tasks[1].cancel)
            return _first(outputs)

        runs = [servable.infer([_turns(3)], shown, InferTimes()) for shown in (answer, _first, _first)]
        tasks.extend(map(asyncio.create_task, runs))
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(results[1], asyncio.CancelledError)
        return [results[0], results[2]]  # type: ignore[list-item]  # not cancelled

    first, third = run(scenario())
    assert first == third


def test_a_run_that_ends_after_its_event_loop_harms_nobody(models: Models, run: Run) -> None:
    models.slow("m", 1)
    left: list[ov.InferRequest] = []

    async def scenario() -> None:
        servable = _servable(models)
        running = asyncio.create_task(servable.infer([_turns(300)], _first, InferTimes()))
        await asyncio.sleep(0)  # the run has begun
        left.extend(run.request for run in servable._pool._running.values())  # type: ignore[union-attr]  # not let go
        running.cancel()

    run(scenario())
    left[0].wait()  # an exception in OpenVINO's thread would abort this process
    assert left[0].get_output_tensor(0).data[0, 0] == 300


def test_under_auto_metadata_shows_the_shapes_of_the_last_request_that_needed_others(
    models: Models, run: Run
) -> None:
    """Derived from OVMS's source, not recorded from a running server."""
    models.convolution("m", 1)

    async def scenario() -> list[list[list[int]]]:
        servable = _servable(models, shape="auto")

        def shown() -> list[list[int]]:
            infos = (*servable.shown_inputs, *servable.shown_outputs)
            return [[dimension.as_metadata() for dimension in info.shape] for info in infos]

        seen = [shown()]
        for shape in ((1, 3, 8, 8), (2, 3, 8, 9)):
            await servable.infer([np.ones(shape, np.float32)], _first, InferTimes())
            seen.append(shown())
        return seen

    own = [[1, 3, 8, 8], [1, 1, 1, 1]]
    assert run(scenario()) == [own, own, [[2, 3, 8, 9], [2, 1, 1, 1]]]
