"""What the history holds of one answer, and which of them somebody asks for. Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, NamedTuple

from edge_common.printable import printable, printable_cell
from pydantic import Field
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from car_client.output.recent import Thumbnail
from car_client.pipeline.classifier import Classification

_LONGEST = 300
"""Characters kept of a name or label; strangers choose them."""
_SMALL = "(SELECT thumbnail.id FROM thumbnail WHERE thumbnail.id = inference.thumbnail)"
COLUMNS = ("id", "at", "source", "picture", "model", "version", "label", "sure", "probability", "latency_ms")
"""Of the table, in the order of a row."""
ROW = f"{', '.join(COLUMNS)}, {_SMALL}"
"""What a query selects."""
Row = tuple[int, int, str, str, str, int, str, int, float, float, int | None]
"""`at` is in milliseconds since 1970, UTC; `sure` 0 or 1; the last is the number of the small picture."""
CSV_COLUMNS = ("time", "source", "picture", "model", "version", "label", "sure", "probability", "latency_ms")


class EntryDocument(TypedDict):
    """One answer of one model."""

    id: Annotated[int, Field(description="Grows with every answer, whatever the clock does.")]
    time: Annotated[str, Field(description="UTC, ISO 8601.", json_schema_extra={"format": "date-time"})]
    source: Annotated[str, Field(description="Name of the watched source, or `page`.")]
    picture: str
    model: str
    version: int
    label: Annotated[str, Field(description="The likeliest, also where the model was not sure.")]
    sure: bool
    probability: float
    latency_ms: float
    thumbnail: Annotated[str | None, Field(description="Path of a small JPEG file; null: none is kept.")]


class NewAnswer(NamedTuple):
    """What is handed to the writer."""

    values: tuple[object, ...]
    """Of the columns after `id`."""
    thumbnail: Thumbnail | None = None


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """Which answers are asked for; times are in milliseconds since 1970. The defaults let all through."""

    model: str | None = None
    source: str | None = None
    label: str | None = None
    """Part of the label, whatever its case."""
    min_probability: float | None = None
    since: int | None = None
    until: int | None = None

    def condition(self) -> tuple[str, list[object]]:
        """The SQL condition with its values; what somebody typed is only ever among the values."""
        parts: dict[str, object] = {
            "model = ?": self.model,
            "source = ?": self.source,
            r"label LIKE ? ESCAPE '\'": _pattern(self.label) if self.label is not None else None,
            "probability >= ?": self.min_probability,
            "at >= ?": self.since,
            "at <= ?": self.until,
        }
        given = {part: value for part, value in parts.items() if value is not None}
        return " AND ".join(given) or "1", list(given.values())


def new_answer(source: str, result: Classification, at: int, thumbnail: Thumbnail | None = None) -> NewAnswer:
    """A new row: names cannot mislead a reader, and are not endless."""
    best = result.verdict.predictions[0]
    values = (
        at,
        _short(source),
        _short(result.picture),
        _short(result.model),
        result.version,
        _short(best.label),
        int(result.verdict.sure),
        round(best.probability, 6),
        round(result.latency_seconds * 1000, 2),
    )
    return NewAnswer(values, thumbnail)


def entry_document(row: Row) -> EntryDocument:
    """The JSON of one row."""
    number, at, source, picture, model, version, label, sure, probability, latency_ms, small = row
    return {
        "id": number,
        "time": time_text(at),
        "source": source,
        "picture": picture,
        "model": model,
        "version": version,
        "label": label,
        "sure": bool(sure),
        "probability": probability,
        "latency_ms": latency_ms,
        "thumbnail": f"/api/history/{small}.jpg" if small is not None else None,
    }


def csv_cells(row: Row) -> tuple[object, ...]:
    """The cells of one row; a spreadsheet computes none of them."""
    values = {**entry_document(row)}
    return tuple(
        printable_cell(value)
        if isinstance(value, str)
        else int(value)
        if value is True or value is False
        else value
        for value in (values[name] for name in CSV_COLUMNS)
    )


def milliseconds_of(text: str) -> int:
    """Milliseconds since 1970 of an ISO 8601 time, in UTC where it says no offset; raises ValueError."""
    try:
        time = datetime.fromisoformat(text.strip())
        return int((time if time.tzinfo is not None else time.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise ValueError(
            f"{text[:40]!r} is no time; write it like 2026-11-30 or 2026-11-30T10:41Z"
        ) from error


def time_text(at: int) -> str:
    """`at` for programs and people: ISO 8601, UTC, to the millisecond."""
    try:
        time = datetime.fromtimestamp(at / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return "unknown"
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _pattern(part: str) -> str:
    """What LIKE, which minds no case of a to z, finds in texts that have `part` in them."""
    return "%" + re.sub(r"([%_\\])", r"\\\1", part) + "%"


def _short(text: str) -> str:
    shown = printable(text)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"
