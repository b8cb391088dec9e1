"""What a running sidecar answers over HTTP, put together from its parts."""

from functools import partial
from typing import TYPE_CHECKING

from edge_common.logs import get_logger
from starlette.applications import Starlette

from model_sync.loop.bucket_watch import in_background
from model_sync.planning.history import HistoryEntry
from model_sync.status.http_api import HttpApi
from model_sync.status.observations_api import ObservationsApi
from model_sync.status.operator_api import OperatorApi
from model_sync.upload.push import Destination
from model_sync.upload.upload_api import UploadApi
from model_sync.volume.handed_over import Handed
from model_sync.volume.refusals import refusal

if TYPE_CHECKING:
    from model_sync.service import Sidecar

_log = get_logger()


class Web:
    """The interface of one sidecar."""

    def __init__(self, sidecar: "Sidecar") -> None:
        """Nothing is asked or written before the first request."""
        self._sidecar = sidecar
        settings, look = sidecar.settings, sidecar.wakeup.look
        told = (sidecar.reporter.posted, sidecar.clock)
        secret, requests = settings.api_token.get_secret_value(), sidecar.reconciler.requests
        handed_over = sidecar.handed_over
        self._operator = OperatorApi(
            secret, sidecar.store, requests, look, sidecar.history.note, *told, handed_over.put
        )
        place = (sidecar.volume, handed_over.own, settings.min_free_bytes)
        self._uploads = UploadApi(secret, *place, self._destination, look, self._note_sent, *told)

    def app(self) -> Starlette:
        """All routes."""
        sidecar, settings = self._sidecar, self._sidecar.settings
        token, secret = settings.sync_token.get_secret_value(), settings.api_token.get_secret_value()
        observations = ObservationsApi((token, secret), sidecar.reports, sidecar.reporter.posted)
        more = [*self._uploads.routes(), *observations.routes()]
        seen = (sidecar.reporter.posted, sidecar.volume, sidecar.metrics.registry, sidecar.clock)
        return HttpApi(*seen, sidecar.wakeup.look, token, self._operator, more).app()

    def carry_out_handed(self) -> None:
        """Do what pods that follow were asked for meanwhile, each in a thread, as the store may be slow."""
        for handed in self._sidecar.handed_over.take(self._sidecar.clock.now()):
            in_background(partial(self._operator.carry_out, handed))

    def _destination(self) -> Destination:
        return Destination(self._sidecar.settings, self._sidecar.store)

    def _note_sent(self, entry: HistoryEntry) -> None:
        if self._sidecar.ownership.writes:
            self._sidecar.history.note(entry)
            return
        facts = {"version": entry.version, "reason": entry.reason}
        try:
            self._sidecar.handed_over.put(Handed("sent", entry.model, facts, entry.by, entry.at))
        except OSError as error:
            _log.warning("upload_not_told", reason=refusal(error), effect="the history names nobody for it")
