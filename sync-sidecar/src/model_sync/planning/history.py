"""What is remembered of the past: a bounded list of changes, a line of JSON each. Pure."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter

MAX_ENTRIES = 500
MAX_TEXT = 300
"""Characters of a reason; what is longer ends in dots."""
MAX_BYTES = 4 * 1024 * 1024
"""Of a history; a larger one is not ours."""


class Event(StrEnum):
    """What happened."""

    SENT = "sent"
    UPLOADED = "uploaded"
    SERVING = "serving"
    ROLLED_BACK = "rolled_back"
    RETIRED = "retired"
    REJECTED = "rejected"
    WENT_BACK = "went_back"
    REMOVED = "removed"
    PINNED = "pinned"
    UNPINNED = "unpinned"
    SETTINGS_IN_USE = "settings_in_use"
    SETTINGS_REJECTED = "settings_rejected"
    SERVER_AWAY = "server_away"
    SERVER_BACK = "server_back"
    STORE_AWAY = "store_away"
    STORE_BACK = "store_back"
    RETRY = "retry"
    RELEASE = "release"
    SYNC = "sync"


@dataclass(frozen=True)
class HistoryEntry:
    """One change; `at` in Unix seconds, `by` who asked for it, empty where nobody did or nobody knows."""

    at: float
    event: Event
    model: str = ""
    version: str = ""
    reason: str = ""
    by: str = ""


_ENTRY: TypeAdapter[HistoryEntry] = TypeAdapter(HistoryEntry)


def shortened(text: str) -> str:
    """At most `MAX_TEXT` characters of it."""
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 3] + "..."


def history_to_lines(entries: Iterable[HistoryEntry]) -> bytes:
    """The text of history.jsonl, oldest first."""
    return "".join(f"{json.dumps(asdict(entry), ensure_ascii=False)}\n" for entry in entries).encode(
        "utf-8", "backslashreplace"
    )


def history_from_lines(content: bytes) -> tuple[HistoryEntry, ...]:
    """The last entries of a history.jsonl; raises ValueError when any line of it is none."""
    if len(content) > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES} bytes")
    entries: list[Any] = [json.loads(line) for line in content.splitlines() if line.strip()]
    return tuple(_ENTRY.validate_python(entry) for entry in entries[-MAX_ENTRIES:])
