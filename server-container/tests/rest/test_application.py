from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from ovms_lite.config.entries import ModelConfig
from ovms_lite.config.source import SingleModelSource
from ovms_lite.reload.cycle import Reloader
from ovms_lite.repository.load import ModelLoader
from ovms_lite.rest.application import Application
from ovms_lite.serving.catalogue import Catalogue
from ovms_lite.serving.infer import Decoders, Inference
from ovms_lite.wire.http_message import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from conftest import Models

    Run = Callable[[Coroutine[Any, Any, Any]], Any]


def test_before_the_first_look_at_the_models_the_server_is_live_but_not_ready(
    models: Models, run: Run
) -> None:
    models.add("m", 1, 1.0)

    async def scenario() -> list[tuple[int, bytes]]:
        thread = ThreadPoolExecutor(1)
        source = SingleModelSource(ModelConfig("m", models.root / "m"))
        catalogue = Catalogue()
        reloader = Reloader(catalogue, source, ModelLoader(), thread)
        app = Application(catalogue, Inference(catalogue, None, Decoders()), reloader, None, "1")

        def ask(path: str) -> tuple[int, bytes]:
            answer = app(Request("GET", path, {}, b""))
            assert isinstance(answer, Response)
            return answer.status, b"".join(answer.body)

        answers = [ask("/v2/health/live"), ask("/v2/health/ready")]
        await reloader.run_cycle()
        return [*answers, ask("/v2/health/ready"), ask("/v2/models/m/ready")]

    not_ready = (503, b'{"error":"Server is not ready"}')
    assert run(scenario()) == [(200, b""), not_ready, (200, b""), (200, b"")]
