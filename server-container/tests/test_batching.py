"""Requests that are run together, on real models; what a batch is, clients must not be able to tell."""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest
from edge_common.openvino_runtime import ops, ov
from edge_common.served_state import VersionState
from hypothesis import given, settings
from hypothesis import strategies as st
from ovms_lite.config.entries import ModelConfig
from ovms_lite.errors import Fault, RequestError
from ovms_lite.models.batchable_models import MAX_UNBOUNDED_BATCH
from ovms_lite.models.batching import Batching, concatenate, split
from ovms_lite.models.catalogue import Catalogue
from ovms_lite.models.inference import Call, Inference
from ovms_lite.models.loading import LoadedModel, ModelLoader
from ovms_lite.models.metrics import Metrics
from ovms_lite.models.servable import Servable
from ovms_lite.wire.tensors import BY_KSERVE_NAME

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path
    from typing import Any

    from conftest import Models, ServerProcess
    from ovms_lite.models.inference import Prepared
    from ovms_lite.wire.tensors import Array

    Start = Callable[..., ServerProcess]

UNTIL_FULL = 60.0
"""A window that no test waits out: batches close when they are full."""
SHORT = 0.02
BAD = 5
"""Makes a run of the picky model fail, whatever else is in it."""
_CALL = Call("m", None, "ModelInfer", "REST", Fault.SERVABLE_MISSING)
_TENSORS = [("FP32", 4), ("INT64", 2)]


def _save(root: Path, y: Any, *inputs: Any) -> None:
    """Write y as version 1 of the model m; inputs and output are called x0, x1, … and y."""
    y.output(0).get_tensor().set_names({"y"})
    for index, parameter in enumerate(inputs):
        parameter.output(0).get_tensor().set_names({f"x{index}" if index else "x"})
    folder = root / "m" / "1"
    folder.mkdir(parents=True)
    ov.save_model(ov.Model([y], list(inputs)), str(folder / "model.xml"), compress_to_fp16=False)


def _parameter(*shape: int | tuple[int, int]) -> Any:
    return ops.parameter(ov.PartialShape([ov.Dimension(*d) if isinstance(d, tuple) else d for d in shape]))


def _batch_size(root: Path, batch: int | tuple[int, int] = -1) -> None:
    """Y = x * 0 + the number of rows in the run."""
    x = _parameter(batch, 2)
    rows = ops.convert(ops.gather(ops.shape_of(x), np.int64(0), np.int64(0)), "f32")
    _save(root, ops.add(ops.multiply(x, np.float32(0)), rows), x)


def _picky(root: Path) -> None:
    """Y = x; fails when the greatest x is neither 1 nor 4: so many numbers cannot be added to four."""
    x = _parameter(-1, 2)
    greatest = ops.convert(ops.reduce_max(x, np.array([0, 1]), keep_dims=False), "i64")
    sums = ops.add(ops.range(np.int64(0), greatest, np.int64(1), "f32"), np.zeros(4, np.float32))
    nothing = ops.multiply(ops.reduce_sum(sums, np.array([0]), keep_dims=False), np.float32(0))
    _save(root, ops.add(x, nothing), x)


def _indices_above_zero(root: Path) -> None:
    """As many rows as values above zero, transposed indices: the first dimension only looks like a batch."""
    x = _parameter(-1, 2)
    _save(root, ops.transpose(ops.non_zero(ops.relu(x), output_type="i64"), np.array([1, 0])), x)


def _load(root: Path) -> LoadedModel:
    return ModelLoader(batching=True).load(ModelConfig("m", root / "m"), 1)


class _Service:
    """Version 1 of the model m in a catalogue, asked without a network. Make it on the running loop."""

    def __init__(self, loaded: LoadedModel, window: float) -> None:
        self.metrics = Metrics()
        self.catalogue = Catalogue()
        self.record = self.catalogue.register("m").record(1)
        self.serve(loaded)
        decoders = ThreadPoolExecutor(1)  # starts no thread without a picture
        self._inference = Inference(self.catalogue, self.metrics, decoders, Batching(window))

    def serve(self, loaded: LoadedModel) -> None:
        """Answer with `loaded` from now on."""
        self.servable = Servable(ModelConfig("m", None), 1, loaded)  # type: ignore[arg-type]  # nothing is read again
        self.record.move_to(VersionState.AVAILABLE, self.servable)
        self.catalogue.register("m").choose_default()

    async def ask(self, *arrays: Array) -> list[Any]:
        def prepare(_servable: Servable) -> Prepared[list[Any]]:
            return arrays, lambda outputs: outputs[0].tolist()

        return await self._inference.run(_CALL, prepare)

    def counted(self, family: str) -> int:
        text = self.metrics.render(self.catalogue.servables()).decode()
        return int(next(line for line in text.splitlines() if line.startswith(family + "{")).split()[-1])


async def _all(*asked: Awaitable[Any]) -> list[Any]:
    return await asyncio.gather(*asked, return_exceptions=True)


def _row(*values: float) -> Array:
    return np.array([values], np.float32)


@given(st.lists(st.tuples(*(st.binary(min_size=8 * n, max_size=8 * n) for _, n in _TENSORS)), min_size=1))
def test_splitting_undoes_concatenating(contents: list[tuple[bytes, ...]]) -> None:
    requests = [
        [
            np.frombuffer(raw, BY_KSERVE_NAME[kserve].numpy).reshape(1, n, -1)
            for raw, (kserve, n) in zip(row, _TENSORS, strict=True)
        ]
        for row in contents
    ]
    rows = split(concatenate(requests), len(requests))
    for own, sent in zip(rows, requests, strict=True):
        assert [(a.dtype, a.shape, a.tobytes()) for a in own] == [
            (a.dtype, a.shape, a.tobytes()) for a in sent
        ]


@pytest.fixture(scope="module")
def sum_of_two(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    """Y = x + x1, of any size in both dimensions."""
    root = tmp_path_factory.mktemp("sum")
    a, b = _parameter(-1, -1), _parameter(-1, -1)
    _save(root, ops.add(a, b), a, b)
    return _load(root)


@pytest.fixture(scope="module")
def picky_models(tmp_path_factory: pytest.TempPathFactory) -> list[LoadedModel]:
    """The same model, loaded thrice."""
    root = tmp_path_factory.mktemp("picky")
    _picky(root)
    return [_load(root) for _ in range(3)]


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from([1, 1, 1, 2]), st.integers(1, 3)),
        min_size=1,
        max_size=40,
    )
)
def test_every_caller_gets_the_answer_to_its_own_question(
    sum_of_two: LoadedModel, asked: list[tuple[int, int, int]]
) -> None:
    async def scenario() -> None:
        service = _Service(sum_of_two, 0.001)

        async def ask(number: int, turns: int, rows: int, columns: int) -> None:
            for _ in range(turns):
                await asyncio.sleep(0)
            sent = np.arange(rows * columns, dtype=np.float32).reshape(rows, columns) + 1000 * number
            assert await service.ask(sent, sent[:, ::-1].copy()) == (sent + sent[:, ::-1]).tolist()

        await asyncio.gather(*(ask(number, *how) for number, how in enumerate(asked)))
        assert service.counted("ovms_requests_success") == len(asked)
        assert service.counted("ovms_current_requests") == 0

    asyncio.run(scenario())


@pytest.mark.parametrize(("batch", "limit"), [(-1, MAX_UNBOUNDED_BATCH), ((1, 4), 4)])
def test_a_full_batch_runs_as_one_and_counts_each_request(
    tmp_path: Path, batch: int | tuple[int, int], limit: int
) -> None:
    _batch_size(tmp_path, batch)

    async def scenario() -> None:
        service = _Service(_load(tmp_path), UNTIL_FULL)
        answers = await asyncio.gather(*(service.ask(_row(n, n)) for n in range(2 * limit)))
        assert answers == [[[limit, limit]]] * (2 * limit)
        assert service.counted("ovms_requests_success") == 2 * limit
        assert service.counted("ovms_inference_time_us_count") == 2 * limit

    asyncio.run(scenario())


def test_a_window_that_ends_runs_those_who_came_and_a_lone_one_alone(tmp_path: Path) -> None:
    _batch_size(tmp_path)

    async def scenario() -> None:
        service = _Service(_load(tmp_path), SHORT)
        assert await service.ask(_row(0, 0)) == [[1, 1]]
        assert await _all(*(service.ask(_row(n, n)) for n in range(3))) == [[[3, 3]]] * 3

    asyncio.run(scenario())


def test_several_rows_and_other_shapes_are_not_mixed_in(tmp_path: Path) -> None:
    x = _parameter((1, 2), -1)
    rows = ops.convert(ops.gather(ops.shape_of(x), np.int64(0), np.int64(0)), "f32")
    _save(tmp_path, ops.add(ops.multiply(x, np.float32(0)), rows), x)

    async def scenario() -> None:
        service = _Service(_load(tmp_path), UNTIL_FULL)
        shapes = [(2, 1), (1, 1), (1, 3), (1, 1), (1, 3)]
        answers = await _all(*(service.ask(np.zeros(shape, np.float32)) for shape in shapes))
        assert answers == [[[2], [2]], [[2]], [[2, 2, 2]], [[2]], [[2, 2, 2]]]

    asyncio.run(scenario())


def test_one_bad_request_fails_alone(tmp_path: Path) -> None:
    _picky(tmp_path)

    async def scenario() -> None:
        service = _Service(_load(tmp_path), SHORT)
        one, bad, four = await _all(*(service.ask(_row(0, n)) for n in (1, BAD, 4)))
        assert (one, four) == ([[0, 1]], [[0, 4]])
        assert isinstance(bad, RequestError)
        assert bad.fault is Fault.INFERENCE_FAILED
        assert (service.counted("ovms_requests_success"), service.counted("ovms_requests_fail")) == (2, 1)

    asyncio.run(scenario())


def test_outputs_that_do_not_have_a_row_for_each_request_are_those_of_single_runs(tmp_path: Path) -> None:
    _indices_above_zero(tmp_path)

    async def scenario() -> None:
        service = _Service(_load(tmp_path), SHORT)
        for _ in range(2):
            assert await _all(service.ask(_row(1, 1)), service.ask(_row(0, 1)), service.ask(_row(0, 0))) == [
                [[0, 0], [0, 1]],
                [[0, 1]],
                [],
            ]

    asyncio.run(scenario())


def test_a_client_that_goes_takes_nobody_with_it(tmp_path: Path) -> None:
    _batch_size(tmp_path)

    async def scenario() -> None:
        service = _Service(_load(tmp_path), SHORT)
        gone, *others = (asyncio.create_task(service.ask(_row(n, n))) for n in range(3))
        await asyncio.sleep(0)
        gone.cancel()
        assert await _all(*others) == [[[2, 2]]] * 2

        leaving = [asyncio.create_task(service.ask(_row(n, n))) for n in range(2)]
        await asyncio.sleep(0)
        for task in leaving:
            task.cancel()
        await service.servable.wait_until_unused()
        await asyncio.sleep(2 * SHORT)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(scenario())


def test_a_version_retired_during_the_window_answers_those_who_wait(tmp_path: Path) -> None:
    _batch_size(tmp_path)

    async def scenario() -> None:
        service = _Service(_load(tmp_path), SHORT)
        waiting = [asyncio.create_task(service.ask(_row(n, n))) for n in range(2)]
        await asyncio.sleep(0)
        service.record.move_to(VersionState.UNLOADING)
        service.catalogue.register("m").choose_default()
        await service.servable.wait_until_unused()
        assert [task.done() and task.result() for task in waiting] == [[[2, 2]]] * 2
        with pytest.raises(RequestError, match="retired"):
            await service.ask(_row(0, 0))

    asyncio.run(scenario())


def test_sigterm_during_the_window_lets_those_who_wait_finish(start_server: Start, models: Models) -> None:
    _batch_size(models.root)
    server = start_server([{"name": "m"}], "--batching_window_us", "1000000", "--metrics_enable")
    answers: list[Sequence[float]] = []
    asking = [
        threading.Thread(target=lambda: answers.append(server.infer("m", [0, 0])["outputs"][0]["data"]))
        for _ in range(2)
    ]
    for thread in asking:
        thread.start()
    under_way = b'ovms_current_requests{name="m",version="1"} 2\n'
    while under_way not in server.ask("GET", "/metrics")[1]:
        assert any(thread.is_alive() for thread in asking), "both were answered before they were seen"
        time.sleep(0.01)
    assert server.stop() == 0
    for thread in asking:
        thread.join()
    assert answers == [[2, 2]] * 2


def test_brief_models_and_texts_are_answered_as_ever(start_server: Start, models: Models) -> None:
    models.add("brief", 1, 1.0)
    models.strings("texts", 1)
    server = start_server([{"name": "brief"}, {"name": "texts"}], "--batching_window_us", "1000000")
    assert server.infer("brief", [1, 2])["outputs"][0]["data"] == [2, 3]
    tensor = {"name": "x", "shape": [1], "datatype": "BYTES", "data": ["a"]}
    status, body = server.ask("POST", "/v2/models/texts/infer", json.dumps({"inputs": [tensor]}).encode())
    assert (status, json.loads(body)["outputs"][0]["data"]) == (200, ["a"])


async def _swapped_under_load(loaded: Sequence[LoadedModel], seed: int, requests: int) -> None:
    """Callers come and go while versions replace each other; one in ten asks what makes runs fail."""
    chance = random.Random(seed)
    service = _Service(loaded[0], 0.001)
    retired: list[asyncio.Task[None]] = []

    async def ask(value: int) -> None:
        if value == BAD:
            with pytest.raises(RequestError, match="Internal inference error"):
                await service.ask(_row(0, value))
        else:
            assert await service.ask(_row(0, value)) == [[0, value]]

    asking: list[asyncio.Task[None]] = []
    for number in range(requests):
        asking.append(asyncio.create_task(ask(BAD if chance.random() < 0.1 else chance.choice((1, 4)))))
        if chance.random() < 0.2:
            chance.choice(asking).cancel()
        if chance.random() < 0.5:
            await asyncio.sleep(chance.choice((0, 0, 0.0005, 0.002)))
        if number % 10 == 9:
            before = service.servable
            service.serve(loaded[number // 10 % len(loaded)])
            retired.append(asyncio.create_task(before.wait_until_unused()))
    results = await _all(*asking)
    assert [result for result in results if result and not isinstance(result, asyncio.CancelledError)] == []
    await asyncio.gather(*retired)
    assert service.counted("ovms_current_requests") == 0
    await service.servable.wait_until_unused()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@given(seed=st.integers(0, 2**32))
@settings(max_examples=10)
def test_callers_who_go_swaps_and_failures_at_random_mix_up_no_answers(
    picky_models: list[LoadedModel], seed: int
) -> None:
    asyncio.run(_swapped_under_load(picky_models, seed, requests=60))
