"""`/healthz`, `/readyz` and `/metrics`."""

from typing import Literal, NotRequired

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from car_client.metrics import ClientMetrics
from car_client.models.follower import ModelFollower


class StatusDocument(TypedDict):
    """The answer of a probe; `error` says why it fails."""

    status: Literal["ok", "failing"]
    error: NotRequired[str]


def health_routes(follower: ModelFollower, metrics: ClientMetrics, *, alive_within: float) -> list[BaseRoute]:
    """Alive: the models were looked at in the last `alive_within` seconds. Ready: the server ever answered.

    Ready stays true during an outage of the server: the page that tells of it must stay reachable.
    """

    async def healthz(_request: Request) -> JSONResponse:
        silent = follower.seconds_since_look
        return _answer(
            silent <= alive_within,
            f"the models were not looked at for {silent:.0f} s; the process hangs and should be restarted",
        )

    async def readyz(_request: Request) -> JSONResponse:
        reason = follower.view.error or "the model server was not asked yet"
        return _answer(follower.has_seen_the_server, reason)

    async def metrics_now(_request: Request) -> Response:
        view = follower.view
        metrics.set_models(
            usable=len(view.table.usable), unusable=len(view.table.unusable), server_up=follower.is_reachable
        )
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics_now)]


def _answer(holds: bool, sentence: str) -> JSONResponse:
    if holds:
        return JSONResponse(StatusDocument(status="ok"))
    return JSONResponse(StatusDocument(status="failing", error=sentence), status_code=503)
