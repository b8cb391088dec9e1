from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from infer_requests import infer_body
from ovms_lite.config.entries import ModelConfig
from ovms_lite.config.source import SingleModelSource
from ovms_lite.reload.cycle import Reloader
from ovms_lite.repository.load import ModelLoader
from ovms_lite.rest.application import Application
from ovms_lite.rest.workers import Workers
from ovms_lite.serving.catalogue import Catalogue
from ovms_lite.serving.decoders import Decoders
from ovms_lite.serving.infer import Inference
from ovms_lite.wire.http_message import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from conftest import Models

    Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.mark.parametrize(
    ("count", "order"), [(1, ["inference", "status"]), (2, ["status", "inference"])], ids=["one", "two"]
)
def test_status_waits_behind_an_inference_when_it_holds_the_last_worker(
    models: Models, run: Run, count: int, order: list[str]
) -> None:
    models.slow("m", 1)

    async def scenario() -> list[str]:
        catalogue = Catalogue()
        source = SingleModelSource(ModelConfig("m", models.root / "m"))
        reloader = Reloader(catalogue, source, ModelLoader(), ThreadPoolExecutor(1))
        await reloader.run_cycle()
        application = Application(catalogue, Inference(catalogue, None, Decoders()), reloader, None, "1")
        workers = Workers(application, count)
        ended: list[str] = []

        async def ask(what: str, request: Request) -> None:
            assert (await workers(request)).status == 200
            ended.append(what)

        await asyncio.gather(
            ask("inference", Request("POST", "/v2/models/m/infer", {}, infer_body([300, 0]))),
            ask("status", Request("GET", "/v1/config", {}, b"")),
        )
        return ended

    assert run(scenario()) == order


def test_who_goes_while_waiting_for_a_worker_takes_none(run: Run) -> None:
    async def scenario() -> int:
        release = asyncio.Event()
        asked: list[str] = []

        def app(request: Request) -> Any:
            asked.append(request.target)
            return release.wait()

        workers = Workers(app, 1)
        tasks = [asyncio.create_task(workers(Request("GET", path, {}, b""))) for path in "abc"]
        await asyncio.sleep(0)
        tasks[1].cancel()
        release.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        return len(asked)

    assert run(scenario()) == 2
