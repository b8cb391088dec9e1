"""What a person may ask for over HTTP, with a token: pins, retries, removals that wait, and a listing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from edge_common.errors import EdgeError, RetryableError
from edge_common.logs import get_logger
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from model_sync.bucket.catalog import ListedModel
from model_sync.bucket.keys import PIN_NAME, quoted
from model_sync.bucket.pins import format_pin, pin_from_mapping, pin_key
from model_sync.loop.wakeup import Clock, Release, Requests, Retry
from model_sync.planning.history import Event, HistoryEntry
from model_sync.planning.uploads import Phase
from model_sync.status.report import Posted
from model_sync.status.request_checks import (
    RefusedError,
    guarded,
    read_body,
    read_name,
    read_reason,
    refuse_others,
)
from model_sync.store.object_store import RemovesObjects
from model_sync.volume.kept_files import Change, Handed
from model_sync.volume.own_files import refusal

_log = get_logger()


@dataclass(frozen=True)
class OperatorApi:
    """The handlers; each is refused without the token, and to a page of any browser."""

    token: str
    """Empty: all of them are off."""
    store: RemovesObjects
    requests: Requests
    look: Callable[[], None]
    note: Callable[[HistoryEntry], None]
    posted: Posted
    clock: Clock
    hand_over: Callable[[Handed], None]
    """Leave a change to the pod that writes to the volume; raises OSError. Called where this one follows."""

    def routes(self) -> list[Route]:
        """Of all changes."""
        return [
            Route("/v1/models/{model}/pin", self._answer("pin"), methods=["POST"]),
            Route("/v1/models/{model}/pin", self._answer("unpin"), methods=["DELETE"]),
            Route("/v1/models/{model}/retry", self._answer("retry"), methods=["POST"]),
            Route("/v1/release", self._answer("release"), methods=["POST"]),
            Route("/v1/token", guarded(self.token, "", self.known), methods=["POST"]),
        ]

    async def known(self, request: Request) -> Mapping[str, str]:
        """Change nothing: others ask so whether somebody has the token, before they change what is theirs."""
        asked = await read_body(request)
        read_name(asked.pop("by", ""))
        refuse_others(asked)
        return {"status": "the token is right"}

    def carry_out(self, handed: Handed) -> None:
        """Do what another pod was asked for; a refusal is told in the log, as nobody waits for it."""
        try:
            self._changes[handed.change](handed.model, handed.asked, handed.by)
        except (RefusedError, EdgeError) as error:
            facts = {"change": handed.change, "model": handed.model, "by": handed.by}
            _log.warning("operator_refused", reason=str(error), **facts)

    async def sync(self, request: Request) -> Response:
        """List the bucket now; unlike the others it is routed by who asks, as a webhook may do so, too."""
        answer: Response = await self._answer("sync")(request)
        return answer

    def _sync(self, _model: str, asked: Mapping[str, Any], by: str) -> str:
        refuse_others(asked)
        self._remember(HistoryEntry(self.clock.now(), Event.SYNC, by=by))
        return "listing the bucket now"

    def pin(self, model: str, asked: Mapping[str, Any], by: str) -> str:
        """Write the model's pin.yaml: `version`, and a `reason` if there is one."""
        at = (
            datetime.fromtimestamp(self.clock.now(), UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        )
        pin = pin_from_mapping({**asked, "by": by, "at": at})
        listed = self._listed(model)
        row = self._row(model, pin.version)
        if row is None:
            sentence = f"{model} has no version {pin.version}; GET /v1/status lists what it has"
            raise RefusedError(HTTPStatus.CONFLICT, sentence)
        if row["state"] == Phase.REJECTED:
            raise RefusedError(HTTPStatus.CONFLICT, f"{model} {pin.version} is rejected: {row['reason']}")
        self.store.put_small(pin_key(listed), format_pin(pin), "application/yaml")
        self._remember(HistoryEntry(self.clock.now(), Event.PINNED, model, pin.version, pin.reason, by))
        return f"{model} is pinned to {pin.version}; it answers as soon as the model server has it"

    def unpin(self, model: str, asked: Mapping[str, Any], by: str) -> str:
        """Remove the model's pin.yaml; a `reason`, if there is one, is for the history."""
        reason = read_reason(asked.get("reason", ""))
        refuse_others(asked, "reason")
        listed = self._listed(model)
        there = listed.loose.get(PIN_NAME)
        if there is None:
            raise RefusedError(HTTPStatus.CONFLICT, f"{model} is not pinned")
        version = (self.posted.document["models"].get(model, {}).get("pin") or {}).get("version", "")
        self.store.remove(there.key)
        self._remember(HistoryEntry(self.clock.now(), Event.UNPINNED, model, version, reason, by))
        return f"{model} is no longer pinned; what its policy asks for is served"

    def retry(self, model: str, asked: Mapping[str, Any], by: str) -> str:
        """Try a `version` again now that was rejected, or could not be fetched."""
        version = str(asked.get("version", ""))
        refuse_others(asked, "version")
        row = self._row(model, version)
        if row is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, f"{quoted(model)} has no version {quoted(version)}")
        if row["state"] not in {Phase.REJECTED, Phase.WAITING, Phase.DOWNLOADING}:
            sentence = f"{model} {version} is {row['state']}; there is nothing to try again"
            raise RefusedError(HTTPStatus.CONFLICT, sentence)
        self.requests.put(Retry(model, version))
        self._remember(HistoryEntry(self.clock.now(), Event.RETRY, model, version, by=by))
        return (
            f"{model} {version} is tried again now, if it is the server, the store or the volume that failed"
        )

    def release(self, _model: str, asked: Mapping[str, Any], by: str) -> str:
        """Believe now what the bucket lacks, of one `model` or of all, without waiting any longer."""
        model = str(asked.get("model", ""))
        refuse_others(asked, "model")
        if model and model not in self.posted.document.get("models", {}):
            sentence = f"no model {quoted(model)} is known; /v1/status lists all"
            raise RefusedError(HTTPStatus.NOT_FOUND, sentence)
        self.requests.put(Release(model))
        self._remember(HistoryEntry(self.clock.now(), Event.RELEASE, model, by=by))
        whose = f" of {model}" if model else ""
        return f"what is missing in the bucket{whose} is removed after one more listing"

    def _remember(self, entry: HistoryEntry) -> None:
        facts = {"model": entry.model, "version": entry.version, "reason": entry.reason, "by": entry.by}
        _log.info(f"operator_{entry.event.value}", **{key: value for key, value in facts.items() if value})
        self.note(entry)
        self.look()

    def sent(self, model: str, asked: Mapping[str, Any], by: str) -> str:
        """Remember that another pod was sent a `version`, which is in the bucket."""
        version, what = str(asked.get("version", "")), str(asked.get("reason", ""))
        self._remember(HistoryEntry(self.clock.now(), Event.SENT, model, version, what, by))
        return "remembered"

    @property
    def _changes(self) -> Mapping[Change, Callable[[str, Mapping[str, Any], str], str]]:
        return {
            "pin": self.pin,
            "unpin": self.unpin,
            "retry": self.retry,
            "release": self.release,
            "sync": self._sync,
            "sent": self.sent,
        }

    def _listed(self, model: str) -> ListedModel:
        catalog = self.posted.catalog
        listed = catalog.models.get(model) if catalog is not None else None
        if listed is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, f"the bucket has no model {quoted(model)}")
        return listed

    def _row(self, model: str, version: str) -> Mapping[str, Any] | None:
        rows = self.posted.document.get("models", {}).get(model, {}).get("versions", [])
        return next((row for row in rows if row["source"] == version), None)

    def _answer(self, change: Change) -> Any:
        async def asked_for(request: Request) -> Mapping[str, str]:
            asked = await read_body(request)
            by = read_name(asked.pop("by", ""))
            model = request.path_params.get("model", "")
            handed = Handed(change, model, asked, by, self.clock.now())
            return {"status": await run_in_threadpool(self._do, handed)}

        return guarded(self.token, _NEEDS_WRITING, asked_for)

    def _do(self, handed: Handed) -> str:
        if self.posted.document.get("role") != "follower":
            return self._changes[handed.change](handed.model, handed.asked, handed.by)
        try:
            self.hand_over(handed)
        except OSError as error:
            raise RetryableError(refusal(error)) from error
        self.look()
        return "passed on to the pod that writes to the volume; status and history tell what becomes of it"


_NEEDS_WRITING = (
    f"The sidecar's credentials need s3:PutObject and s3:DeleteObject on <model>/{PIN_NAME}; or put the "
    "object there, or remove it, with credentials of your own"
)
