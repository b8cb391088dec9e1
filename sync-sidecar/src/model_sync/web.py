"""What a running sidecar answers over HTTP: health, status, cards, changes, reports of clients."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from edge_common.http_server import metrics_route
from edge_common.logs import get_logger
from edge_common.printable import printable
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from model_sync.bucket.keys import LATEST, is_version_name
from model_sync.loop.bucket_watch import in_background
from model_sync.loop.wakeup import ClientReports
from model_sync.planning.history import MAX_ENTRIES, HistoryEntry
from model_sync.status.operator_api import OperatorApi
from model_sync.status.request_checks import RefusedError, is_known, read_body, refusal, refuse_strangers
from model_sync.status.status import iso_time
from model_sync.swap_watch.judgement import WatchState
from model_sync.swap_watch.observations import report_from_mapping
from model_sync.upload.push import Destination
from model_sync.upload.upload_api import UploadApi
from model_sync.volume.kept_files import Handed
from model_sync.volume.own_files import refusal as volume_refusal
from model_sync.volume.volume import Volume

if TYPE_CHECKING:
    from model_sync.service import Sidecar

_log = get_logger()

_LOOP_SILENCE = 180.0
"""Seconds without a sign of the loop after which the process is taken to hang."""
_MAX_REPORT = 64 * 1024
_DIGEST_HEADER = "X-Model-Digest"
"""Beside a card, or the word that there is none: the digest of the version's files, as the status has it."""
_ONLY_HERE = "only this host may ask for a sync, or others with MODEL_SYNC_SYNC_TOKEN"
_NOT_YOURS = "only this host may report, or others with MODEL_SYNC_SYNC_TOKEN"


@dataclass(frozen=True)
class HttpApi:
    """The handlers: what the loop last posted; `token` lets others than this host ask and report."""

    volume: Volume
    registry: CollectorRegistry
    token: str
    operator: OperatorApi
    reports: ClientReports
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
                Route("/v1/models/{model}/observations", self.report, methods=["POST"]),
                Route("/v1/sync", self.sync, methods=["POST"]),
                metrics_route(self.registry),
            ]
        )

    def healthz(self, _request: Request) -> Response:
        """200 while the loop gives signs of life."""
        silent = self.operator.clock.monotonic() - self.operator.posted.heartbeat
        return _health(silent < _LOOP_SILENCE, f"the reconcile loop has been silent for {silent:.0f} s")

    def startupz(self, _request: Request) -> Response:
        """200 once config.json is there and the bucket was asked for, whatever it answered."""
        since = self._document.get("cycle", {}).get("listing_since")
        otherwise = f"listing the bucket since {since}" if since else "the bucket has not been looked at yet"
        return _health(self.operator.posted.readiness.started, otherwise)

    def readyz(self, _request: Request) -> Response:
        """200 while this pod's server serves what the state says it should, once the pod has caught up."""
        otherwise = "the model server does not serve everything it should yet; see /v1/status"
        return _health(self.operator.posted.readiness.ready, otherwise)

    def status(self, _request: Request) -> Response:
        """The status document."""
        return JSONResponse(self._document)

    def history(self, request: Request) -> Response:
        """The last changes, newest first; `?model=NAME` those of one model, `?limit=N` at most so many."""
        model, limit = request.query_params.get("model"), request.query_params.get("limit", "50")
        if not limit.isdecimal() or not limit.isascii() or not 0 < int(limit[:6]) <= MAX_ENTRIES:
            return refusal(HTTPStatus.BAD_REQUEST, f"limit must be a whole number from 1 to {MAX_ENTRIES}")
        entries = [entry for entry in self.operator.posted.history if model in {None, entry.model}]
        told = [{**asdict(entry), "at": iso_time(entry.at)} for entry in reversed(entries[-int(limit) :])]
        return JSONResponse({"entries": told})

    def card(self, request: Request) -> Response:
        """The effective card of a model's served version, or of `?version=N`."""
        model = request.path_params["model"]
        state = self.operator.posted.state.models.get(model)
        if state is None:
            return refusal(HTTPStatus.NOT_FOUND, f"no model {model!r} is on the volume; /v1/status lists all")
        asked = request.query_params.get("version", "")
        if asked and (asked == LATEST or not is_version_name(asked)):
            return refusal(HTTPStatus.BAD_REQUEST, f"version {asked!r} is not a version number")
        local_version = int(asked) if asked else max(state.confirmed or state.stored or (0,))
        stored = state.stored.get(local_version)
        headers = {_DIGEST_HEADER: stored.digest} if stored is not None else {}
        content = self.volume.load_card(model, local_version) if stored is not None else None
        if content is None:
            sentence = f"version {local_version} of {model!r} has no model card; upload a model.yaml with it"
            return JSONResponse({"error": sentence}, HTTPStatus.NOT_FOUND, headers)
        return Response(content, media_type="application/json", headers=headers)

    async def sync(self, request: Request) -> Response:
        """Ask for a listing now; who has the operator's token says who asks, and the history tells it."""
        if is_known(request, self.operator.token):
            return await self.operator.sync(request)
        try:
            refuse_strangers(request, self.token, otherwise=_ONLY_HERE)
        except RefusedError as error:
            return refusal(error.status, str(error))
        self.operator.look()
        return JSONResponse({"status": "listing the bucket now"}, HTTPStatus.ACCEPTED)

    async def report(self, request: Request) -> Response:
        """Keep a client's totals; 409 while no version of the model is watched here."""
        model = request.path_params["model"]
        try:
            refuse_strangers(request, self.token, self.operator.token, otherwise=_NOT_YOURS)
            watch = self._document.get("models", {}).get(model, {}).get("watch")
            if watch is None or watch["state"] != WatchState.WATCHING:
                sentence = f"no version of {printable(model[:100])} is watched here now"
                return refusal(HTTPStatus.CONFLICT, sentence)
            reporter, versions = report_from_mapping(await read_body(request, _MAX_REPORT))
        except RefusedError as error:
            return refusal(error.status, str(error))
        except ValueError as error:
            return refusal(HTTPStatus.BAD_REQUEST, str(error))
        if not self.reports.put(model, reporter, versions):
            sentence = "as many clients as are listened to report already"
            return refusal(HTTPStatus.TOO_MANY_REQUESTS, sentence)
        return JSONResponse({"status": "taken in with the next look"}, HTTPStatus.ACCEPTED)

    @property
    def _document(self) -> Any:
        return self.operator.posted.document


def _health(good: bool, otherwise: str) -> Response:
    return JSONResponse({"status": "ok"}) if good else refusal(HTTPStatus.SERVICE_UNAVAILABLE, otherwise)


class Web:
    """The interface of one sidecar. Nothing is asked or written before the first request."""

    def __init__(self, sidecar: "Sidecar") -> None:
        self._sidecar = sidecar
        settings, look = sidecar.settings, sidecar.wakeup.look
        told = (sidecar.reporter.posted, sidecar.clock)
        token, secret = settings.sync_token.get_secret_value(), settings.api_token.get_secret_value()
        asked = (sidecar.reconciler.requests, look, sidecar.history.note)
        self._operator = OperatorApi(secret, sidecar.store, *asked, *told, sidecar.handed_over.put)
        place = (sidecar.volume, sidecar.handed_over.own, settings.min_free_bytes)
        uploads = UploadApi(
            secret, *place, lambda: Destination(settings, sidecar.store), look, self._note_sent, *told
        )
        parts = (sidecar.volume, sidecar.metrics.registry, token, self._operator, sidecar.reports)
        self.app = HttpApi(*parts, uploads.routes()).app()

    def carry_out_handed(self) -> None:
        """Do what pods that follow were asked for meanwhile, each in a thread, as the store may be slow."""
        for handed in self._sidecar.handed_over.take(self._sidecar.clock.now()):
            in_background(partial(self._operator.carry_out, handed))

    def _note_sent(self, entry: HistoryEntry) -> None:
        if self._sidecar.ownership.writes:
            self._sidecar.history.note(entry)
            return
        facts = {"version": entry.version, "reason": entry.reason}
        try:
            self._sidecar.handed_over.put(Handed("sent", entry.model, facts, entry.by, entry.at))
        except OSError as error:
            _log.warning(
                "upload_not_told", reason=volume_refusal(error), effect="the history names nobody for it"
            )
