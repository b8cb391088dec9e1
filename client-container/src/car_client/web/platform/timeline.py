"""The last changes, newest first: the sidecar's history, or what its status tells of them. Pure."""

from collections.abc import Iterator
from datetime import datetime
from operator import itemgetter
from typing import NotRequired

from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from car_client.sidecar.documents import History, HistoryEntry, Status, Version

_MOST = 50


class ChangeDocument(TypedDict):
    """Something that happened, and to what."""

    time: str
    what: str
    sentence: str
    model: NotRequired[str]
    version: NotRequired[str]
    by: NotRequired[str]


def timeline(status: Status, history: History | None = None) -> list[ChangeDocument]:
    """At most fifty changes: those of `history` and what was mended on the volume.

    Without a history: when each version came into the state it has now, instead of those.
    """
    known = (
        [(entry.at, _remembered(entry)) for entry in history.entries]
        if history is not None
        else [
            (version.since, _entered(name, version, version.since))
            for name, model in status.models.items()
            for version in model.versions
            if version.since is not None
        ]
    )
    found = sorted([*known, *_mended(status)], key=itemgetter(0), reverse=True)
    return [document for _, document in found[:_MOST]]


def _remembered(entry: HistoryEntry) -> ChangeDocument:
    told: ChangeDocument = {
        "time": entry.at.isoformat(),
        "what": entry.event.replace("_", " "),
        "sentence": entry.reason,
    }
    if entry.model:
        told |= {"model": entry.model, "version": entry.version}
    return told | {"by": entry.by} if entry.by else told


def _mended(status: Status) -> Iterator[tuple[datetime, ChangeDocument]]:
    for mended in status.mended:
        if mended.at is not None:
            yield mended.at, {"time": mended.at.isoformat(), "what": "mended", "sentence": mended.sentence}


def _entered(model: str, version: Version, since: datetime) -> ChangeDocument:
    return {
        "time": since.isoformat(),
        "what": version.state,
        "sentence": version.reason,
        "model": model,
        "version": version.source,
    }
