"""How the components of a background stack are, by their own health routes."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum

from edge_common.errors import RetryableError

from edge_stack.background.record import ProcessRecord, StackRecord
from edge_stack.processes.waiting import http_get
from edge_stack.store.store import StoreKind

_ANSWER_WITHIN_SECONDS = 2.0
_LONGEST_REASON = 200


class Health(StrEnum):
    """What is found of a component."""

    READY = "ready"
    ALIVE = "alive"
    """It answers, and says that it is not ready."""
    SILENT = "silent"
    """Its process runs and does not answer."""
    ENDED = "ended"
    """Its process has ended; the supervisor starts it again after a pause."""


@dataclass(frozen=True)
class ComponentHealth:
    """One row of `edge-stack status`."""

    name: str
    health: Health
    pid: int
    uptime: float | None
    """Seconds; None when it has ended."""
    restarts: int
    trouble: str
    """Why it is not ready, else how it ended the last time; empty: nothing to tell."""


def look_at(record: StackRecord, now: float) -> Sequence[ComponentHealth]:
    """Ask every component at once; `now` is a Unix second. Takes a few seconds at most, and never raises."""
    with ThreadPoolExecutor(max_workers=max(1, len(record.processes))) as pool:
        return list(pool.map(lambda process: _look(process, record, now), record.processes))


def _look(process: ProcessRecord, record: StackRecord, now: float) -> ComponentHealth:
    health, reason = (Health.ENDED, "") if not process.runs() else _ask(process.name, record)
    return ComponentHealth(
        name=process.name,
        health=health,
        pid=process.pid,
        uptime=None if health is Health.ENDED else max(0.0, now - process.started),
        restarts=process.restarts,
        trouble=reason or process.last_end,
    )


def _ask(name: str, record: StackRecord) -> tuple[Health, str]:
    address, route = {
        "store": ("store", "/minio/health/ready" if record.store_kind is StoreKind.MINIO else "/"),
        "sidecar": ("sidecar", "/readyz"),
        "server": ("server", "/v2/health/ready"),
        "client": ("page", "/readyz"),
    }[name]
    try:
        answer = http_get(record.addresses[address] + route, timeout=_ANSWER_WITHIN_SECONDS)
    except RetryableError as error:
        return Health.SILENT, str(error)
    if answer.status == 200:  # noqa: PLR2004 - the status that says so
        return Health.READY, ""
    return Health.ALIVE, _reason(answer.data) or f"{route} answers {answer.status}"


def _reason(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"])[:_LONGEST_REASON]
    except (ValueError, KeyError, TypeError):
        return ""
