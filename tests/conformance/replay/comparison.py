"""What differs between a recorded answer and ours, where a difference means something."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from .connection import Answer
from .recorded_form import recorded_form
from .request_bytes import Description

TOLERANCE = 1e-5
_ABSENT = "<absent>"
_NOT_FOUND = {
    "Pipeline with requested name is not found",  # of a server built without MediaPipe
    "Mediapipe graph definition with requested name is not found",
}
_NOT_JSON = "The file is not valid json"  # what follows is the parser's


class Difference(NamedTuple):
    """Where it is, what was recorded, and what came."""

    where: str
    expected: object
    got: object


Found = dict[str, list[Difference]]
"""By the id of a case."""


def answer_differences(request: Description, expected: Description, answer: Answer) -> list[Difference]:
    """Of one answer, by the rules of ../recorded/README.md."""
    form = recorded_form(request, answer)
    found = [
        Difference(key, expected[key], form.get(key))
        for key in ("status", "closed")
        if key in expected and expected[key] != form.get(key)
    ]
    found += [
        Difference(f"header {name}", value, form["headers"].get(name))
        for name, value in expected["headers"].items()
        if name not in request.get("ignore_headers", []) and form["headers"].get(name) != value
    ]
    wanted, got = expected["body"], form["body"]
    if wanted.keys() & {"metrics", "buckets"}:
        return [*found, *_listed_differences(wanted, got, "body")]
    if "error_prefix" in request:
        wanted, got = _with_prefix_only(wanted), _with_prefix_only(got)
    if request.get("path") == "/v2":
        wanted, got = _without_version(wanted), _without_version(got)
    return [*found, *value_differences(wanted, got, "body", request.get("tolerance", TOLERANCE))]


def value_differences(
    expected: Any, got: Any, where: str = "", tolerance: float = TOLERANCE
) -> Iterator[Difference]:
    """Of two values of JSON; integers stay integers, and only floats have a tolerance."""
    yield from _differences(_without_free_text(expected), _without_free_text(got), where, tolerance)


def _differences(expected: Any, got: Any, where: str, tolerance: float) -> Iterator[Difference]:
    if isinstance(expected, float) and type(got) in (int, float):
        same = math.isclose(expected, got, rel_tol=TOLERANCE, abs_tol=tolerance)
    elif isinstance(expected, dict) and isinstance(got, dict):
        for key in sorted(expected.keys() | got.keys()):
            pair = expected.get(key, _ABSENT), got.get(key, _ABSENT)
            yield from _differences(*pair, f"{where}.{key}", tolerance)
        return
    elif isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        for index, pair in enumerate(zip(expected, got, strict=True)):
            yield from _differences(*pair, f"{where}[{index}]", tolerance)
        return
    else:
        same = type(expected) is type(got) and expected == got
    if not same:
        yield Difference(where, expected, got)


def _listed_differences(expected: Any, got: Any, where: str) -> Iterator[Difference]:
    """Of metrics: what was recorded has to be there, more may be."""
    if isinstance(expected, dict) and isinstance(got, dict):
        for key, value in expected.items():
            yield from _listed_differences(value, got.get(key, _ABSENT), f"{where}.{key}")
    elif isinstance(expected, list) and isinstance(got, list):
        yield from (Difference(f"{where}[]", item, _ABSENT) for item in expected if item not in got)
    elif expected != got:
        yield Difference(where, expected, got)


def _without_free_text(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_free_text(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: "*" if key == "created" else _free_error(item) if key == "error" else _without_free_text(item)
        for key, item in value.items()
    }


def _free_error(text: Any) -> Any:
    if not isinstance(text, str):
        return text
    if text in _NOT_FOUND:
        return "<not found>"
    return (
        _NOT_JSON if text.startswith(_NOT_JSON) else text.replace("input name: input name: ", "input name: ")
    )


def _with_prefix_only(body: Any) -> Any:
    match body:
        case {"json": {"error": str() as text}}:
            return {"json": {"error": text.partition(" - ")[0]}}
    return body


def _without_version(body: Any) -> Any:
    match body:
        case {"json": {"version": str(), **others}}:
            return {"json": {**others, "version": "*"}}
    return body
