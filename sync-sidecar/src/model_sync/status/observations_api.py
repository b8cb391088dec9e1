"""Takes in what clients report of the versions that answer them: `POST /v1/models/<m>/observations`."""

from dataclasses import dataclass
from http import HTTPStatus

from edge_common.printable import printable
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from model_sync.loop.client_reports import ClientReports
from model_sync.status.report import Posted
from model_sync.status.request_checks import RefusedError, read_body, refuse_strangers
from model_sync.swap_watch.judgement import WatchState
from model_sync.swap_watch.observations import report_from_mapping

_MAX_BODY = 64 * 1024
_NOT_YOURS = "only this host may report, or others with MODEL_SYNC_SYNC_TOKEN"


@dataclass(frozen=True)
class ObservationsApi:
    """The handler; it takes reports from whoever may ask for a listing, too."""

    tokens: tuple[str, ...]
    reports: ClientReports
    posted: Posted

    def routes(self) -> list[Route]:
        """The one."""
        return [Route("/v1/models/{model}/observations", self.report, methods=["POST"])]

    async def report(self, request: Request) -> Response:
        """Keep a client's totals; 409 while no version of the model is watched here."""
        model = request.path_params["model"]
        try:
            refuse_strangers(request, *self.tokens, otherwise=_NOT_YOURS)
            self._refuse_unwatched(model)
            reporter, versions = report_from_mapping(await read_body(request, _MAX_BODY))
        except RefusedError as error:
            return JSONResponse({"error": str(error)}, status_code=error.status)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, status_code=HTTPStatus.BAD_REQUEST)
        if not self.reports.put(model, reporter, versions):
            sentence = "as many clients as are listened to report already"
            return JSONResponse({"error": sentence}, status_code=HTTPStatus.TOO_MANY_REQUESTS)
        return JSONResponse({"status": "taken in with the next look"}, status_code=HTTPStatus.ACCEPTED)

    def _refuse_unwatched(self, model: str) -> None:
        watch = self.posted.document.get("models", {}).get(model, {}).get("watch")
        if watch is None or watch["state"] != WatchState.WATCHING:
            sentence = f"no version of {printable(model[:100])} is watched here now"
            raise RefusedError(HTTPStatus.CONFLICT, sentence)
