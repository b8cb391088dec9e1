"""What pages of strangers can have a browser ask of the server."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from edge_common.allowed_hosts import AllowedHosts
from infer_requests import infer_body
from ovms_lite.config.entries import ModelConfig
from ovms_lite.config.source import SingleModelSource
from ovms_lite.reload.cycle import Reloader
from ovms_lite.repository.load import ModelLoader
from ovms_lite.rest.application import Application
from ovms_lite.rest.guard import Guarded, Workers
from ovms_lite.serving.catalogue import Catalogue
from ovms_lite.serving.infer import Decoders, Inference
from ovms_lite.wire.http_message import EMPTY, Request, Response


def _status(method: str, headers: dict[bytes, bytes], *, any_origin: bool = False) -> int:
    guarded = Guarded(lambda _request: EMPTY, AllowedHosts(["ui.example"]), any_origin=any_origin)
    answer = guarded(Request(method, "/v1/config/reload", headers, b""))
    assert isinstance(answer, Response)
    return answer.status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({b"host": b"127.0.0.1:8000"}, 200),
        ({}, 200),
        ({b"host": b"evil.example"}, 421),
        ({b"host": b"\xff\xfe.example"}, 421),
        ({b"host": b"server:8000", b"origin": b"http://evil.example"}, 403),
        ({b"host": b"server:8000", b"origin": b"http://ui.example"}, 200),
    ],
)
def test_a_page_that_nobody_allowed_reaches_no_operation(headers: dict[bytes, bytes], status: int) -> None:
    assert _status("POST", headers) == status


def test_with_any_origin_allowed_all_pages_may_ask_under_names_of_the_server() -> None:
    elsewhere = {b"host": b"server", b"origin": b"http://elsewhere.example"}

    assert _status("POST", elsewhere, any_origin=True) == 200
    assert _status("POST", {b"host": b"evil.example"}, any_origin=True) == 421


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
