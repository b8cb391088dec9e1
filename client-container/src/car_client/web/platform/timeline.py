"""The last changes, newest first, as far as the status tells them. Pure."""

from collections.abc import Iterator
from datetime import datetime
from typing import NotRequired

from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from car_client.sidecar.documents import Status, Version

_MOST = 50


class ChangeDocument(TypedDict):
    """Something that happened, and to what."""

    time: str
    what: str
    sentence: str
    model: NotRequired[str]
    version: NotRequired[str]


def timeline(status: Status) -> list[ChangeDocument]:
    """At most fifty changes: when each version came into its state, and what was mended on the volume."""
    found = sorted(_changes(status), key=lambda change: change[0], reverse=True)
    return [document for _, document in found[:_MOST]]


def _changes(status: Status) -> Iterator[tuple[datetime, ChangeDocument]]:
    for name, model in status.models.items():
        for version in model.versions:
            if version.since is not None:
                yield version.since, _entered(name, version, version.since)
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
