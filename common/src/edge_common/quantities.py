"""Durations and sizes as people write them: `30`, `30s`, `5m`, `500ms`; `1048576`, `10MB`, `10GiB`."""

import re
from typing import Annotated

from pydantic import BeforeValidator

_DURATION_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE_UNITS = {"": 1, "b": 1} | {
    prefix + suffix: base**power
    for power, prefix in enumerate("kmgt", start=1)
    for suffix, base in (("b", 1000), ("ib", 1024), ("i", 1024), ("", 1000))
}
_LARGEST = 2.0**63
_NUMBER_AND_UNIT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")


def _parse(text: str | float, units: dict[str, float] | dict[str, int], what: str, examples: str) -> float:
    if isinstance(text, bool):
        raise ValueError(f"{text} is not a {what}; write it like {examples}")  # noqa: TRY004 - pydantic reports ValueError only
    if isinstance(text, int | float):
        if text < 0:
            raise ValueError(f"{text} is not a {what}: it is negative")
        return _bounded(text, what)
    match = _NUMBER_AND_UNIT.fullmatch(text)
    if match is None or match[2].lower() not in units:
        raise ValueError(f"{text!r} is not a {what}; write it like {examples}")
    return _bounded(float(match[1]) * units[match[2].lower()], what)


def _bounded(number: float, what: str) -> float:
    if not number <= _LARGEST:  # also true of "not a number"
        raise ValueError(f"that {what} is too large, or not a number")
    return float(number)


def parse_duration(text: str | float) -> float:
    """Seconds of a duration such as `30`, `30s`, `5m`, `1.5h` or `500ms`; raises ValueError."""
    return _parse(text, _DURATION_UNITS, "duration", "30, 30s, 5m or 500ms")


def parse_size(text: str | float) -> int:
    """Bytes of a size such as `1048576`, `500MB` or `10GiB`; raises ValueError."""
    return round(_parse(text, _SIZE_UNITS, "size", "1048576, 500MB or 10GiB"))


def format_size(count: float) -> str:
    """`count` bytes for people: `0 B`, `16.7 MiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:  # noqa: PLR2004 - the definition of the units above
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def format_duration(seconds: float) -> str:
    """`seconds` for people: `350 ms`, `12.0 s`, `5 min`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:  # noqa: PLR2004 - below two minutes seconds read better
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"  # noqa: PLR2004 - two hours


Duration = Annotated[float, BeforeValidator(parse_duration, json_schema_input_type=float | str)]
"""A pydantic field in seconds that accepts every spelling `parse_duration` does."""

Size = Annotated[int, BeforeValidator(parse_size)]
"""A pydantic field in bytes that accepts every spelling `parse_size` does."""
