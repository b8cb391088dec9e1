"""What sidecar and server say, as values, for tests of the operator's place."""

import json
from typing import Any

from car_client.sidecar.documents import Status, read_status
from car_client.sidecar.follower import SidecarView

ADDRESS = "http://sidecar:8081"


def version(source: str, state: str, **facts: Any) -> dict[str, Any]:
    number = int(source) if source.isdecimal() and state in {"serving", "previous"} else None
    since = "2026-11-30T10:41:07.000Z"
    known = {"source": source, "state": state, "reason": "", "local_version": number, "bytes": 10, "files": 2}
    return {**known, "since": since, "progress": None, **facts}


def status_body(models: dict[str, Any] | None = None, **facts: Any) -> bytes:
    """The answer of `GET /v1/status` of a sidecar with which all is well, but for `facts`."""
    document = {
        "schema": 1,
        "instance": "edge-1",
        "role": "writer",
        "cycle": {"last_success": "2026-11-30T10:00:00Z", "result": "success", "error": None},
        "server": {"url": "http://server:8000", "state": "answers", "busy_since": None},
        "store": {"endpoint": "http://store:9000", "bucket": "ml-models", "reachable": True},
        "models": models if models is not None else {"cars": serving("1")},
        "mended": [],
        "notices": [],
        **facts,
    }
    return json.dumps(document).encode()


def serving(*sources: str, beside: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    """A model whose versions of these names answer, with others `beside` them."""
    versions = [*(version(source, "serving") for source in sources), *beside]
    return {"serving": [int(source) for source in sources], "versions": versions}


def status(models: dict[str, Any] | None = None, **facts: Any) -> Status:
    return read_status(status_body(models, **facts), ADDRESS)


def seen(models: dict[str, Any] | None = None, **facts: Any) -> SidecarView:
    """A sidecar that answers so."""
    return SidecarView(ADDRESS, status(models, **facts))
