"""Health, metrics, status and cards over HTTP, from what the loop last posted."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from edge_common.http_server import metrics_route
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from model_sync.bucket.keys import LATEST, is_version_name
from model_sync.loop.wakeup import Clock
from model_sync.planning.history import MAX_ENTRIES
from model_sync.status.operator_api import OperatorApi
from model_sync.status.report import Posted
from model_sync.status.request_checks import RefusedError, is_known, refuse_strangers
from model_sync.status.status import iso_time
from model_sync.volume.volume import Volume

_LOOP_SILENCE = 180.0
"""Seconds without a sign of the loop after which the process is taken to hang."""
DIGEST_HEADER = "X-Model-Digest"
"""Beside a card, or the word that there is none: the digest of the version's files, as the status has it."""
_ONLY_HERE = "only this host may ask for a sync, or others with MODEL_SYNC_SYNC_TOKEN"


@dataclass(frozen=True)
class HttpApi:
    """The handlers; `look` asks the loop for a listing, `token` lets others than this host ask for it."""

    posted: Posted
    volume: Volume
    registry: CollectorRegistry
    clock: Clock
    look: Callable[[], None]
    token: str
    operator: OperatorApi
    more: Sequence[Route] = ()

    def app(self) -> Starlette:
        """The routes."""
        return Starlette(
            routes=[
                Route("/healthz", self.healthz),
                Route("/startupz", self.startupz),
                Route("/readyz", self.readyz),
                Route("/v1/status", self.status),
                Route("/v1/history", self.history),
                *self.operator.routes(),
                *self.more,
                Route("/v1/models/{model}/card", self.card),
                Route("/v1/sync", self.sync, methods=["POST"]),
                metrics_route(self.registry),
            ]
        )

    def healthz(self, _request: Request) -> Response:
        """200 while the loop gives signs of life."""
        silent = self.clock.monotonic() - self.posted.heartbeat
        return _health(silent < _LOOP_SILENCE, f"the reconcile loop has been silent for {silent:.0f} s")

    def startupz(self, _request: Request) -> Response:
        """200 once config.json is there and the bucket was asked for, whatever it answered."""
        since = self.posted.document.get("cycle", {}).get("listing_since")
        otherwise = f"listing the bucket since {since}" if since else "the bucket has not been looked at yet"
        return _health(self.posted.readiness.started, otherwise)

    def readyz(self, _request: Request) -> Response:
        """200 while this pod's server serves what the state says it should, once the pod has caught up."""
        return _health(
            self.posted.readiness.ready,
            "the model server does not serve everything it should yet; see /v1/status",
        )

    def status(self, _request: Request) -> Response:
        """The status document."""
        return JSONResponse(self.posted.document)

    def history(self, request: Request) -> Response:
        """The last changes, newest first; `?model=NAME` those of one model, `?limit=N` at most so many."""
        model, limit = request.query_params.get("model"), request.query_params.get("limit", "50")
        if not limit.isdecimal() or not limit.isascii() or not 0 < int(limit[:6]) <= MAX_ENTRIES:
            return _error(400, f"limit must be a whole number from 1 to {MAX_ENTRIES}")
        entries = [entry for entry in self.posted.history if model in {None, entry.model}]
        told = [{**asdict(entry), "at": iso_time(entry.at)} for entry in reversed(entries[-int(limit) :])]
        return JSONResponse({"entries": told})

    def card(self, request: Request) -> Response:
        """The effective card of a model's served version, or of `?version=N`."""
        model = request.path_params["model"]
        state = self.posted.state.models.get(model)
        if state is None:
            return _error(404, f"no model {model!r} is on the volume; /v1/status lists all")
        asked = request.query_params.get("version", "")
        if asked and (asked == LATEST or not is_version_name(asked)):
            return _error(400, f"version {asked!r} is not a version number")
        local_version = int(asked) if asked else max(state.confirmed or state.stored or (0,))
        stored = state.stored.get(local_version)
        headers = {DIGEST_HEADER: stored.digest} if stored is not None else {}
        content = self.volume.load_card(model, local_version) if stored is not None else None
        if content is None:
            sentence = f"version {local_version} of {model!r} has no model card; upload a model.yaml with it"
            return JSONResponse({"error": sentence}, 404, headers)
        return Response(content, media_type="application/json", headers=headers)

    async def sync(self, request: Request) -> Response:
        """Ask for a listing now; who has the operator's token says who asks, and the history tells it."""
        if is_known(request, self.operator.token):
            return await self.operator.sync(request)
        try:
            refuse_strangers(request, self.token, otherwise=_ONLY_HERE)
        except RefusedError as error:
            return _error(error.status, str(error))
        self.look()
        return JSONResponse({"status": "listing the bucket now"}, status_code=202)


def _health(good: bool, otherwise: str) -> Response:
    return JSONResponse({"status": "ok"}) if good else _error(503, otherwise)


def _error(status: int, sentence: str) -> Response:
    return JSONResponse({"error": sentence}, status_code=status)
