"""Model cards and labels as files: read with bounds, checked against the schema, written briefly."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from edge_common.errors import RejectedError
from edge_common.model_card import ModelCard

FILE_NAME = "model.yaml"
MAX_BYTES = 64 * 1024
"""A larger card is refused unread: a thousand labels fit, and parsing one takes less than a second."""


def _sentence(error: ValidationError, data: object) -> str:
    """What is wrong with the first key at fault; of several forms that it may have, with the likeliest."""
    found = [(_place(each, data), each) for each in error.errors()]
    wrong = found[0][0]
    within = [(place, each) for place, each in found if place[: len(wrong)] == wrong]
    place, first = max(within, key=lambda one: len(one[0]))
    shown = ".".join(map(str, place)) or "the card"
    if first["type"] == "extra_forbidden":
        return f"unknown key {shown!r}; remove it or correct its spelling"
    if first["type"] == "string_type" and not isinstance(first["input"], list | dict):
        return f"{shown}: YAML reads {str(first['input'])[:80]} there and no text; put it in quotes"
    forms = [str(each["msg"]) for other, each in within if other == place]
    return f"{shown}: {' or '.join(dict.fromkeys(forms))}"


def _place(error: Any, data: Any) -> tuple[int | str, ...]:
    """Where in `data` that is, without the names that pydantic gives to the forms of one key."""
    place: list[int | str] = []
    for part in error["loc"]:
        inside = part in data if isinstance(data, dict) else isinstance(data, list) and isinstance(part, int)
        if inside and (isinstance(data, dict) or part < len(data)):
            data = data[part]
            place.append(part)
        elif error["type"] == "missing" and part == error["loc"][-1]:
            place.append(part)
    return tuple(place)


def parse_card(content: bytes, where: str) -> ModelCard:
    """The card in `content`; `where` names it in messages. Raises RejectedError naming the key at fault."""
    # imported here because the sidecar imports this module at every start, and few starts read a card
    from edge_common.plain_yaml import PlainYamlError, parse_plain_yaml  # noqa: PLC0415

    if len(content) > MAX_BYTES:
        raise RejectedError(
            f"{where} has {len(content)} bytes; a model card has at most {MAX_BYTES}; "
            "keep long labels in a file beside it (output.labels)"
        )
    try:
        data = parse_plain_yaml(content)
    except PlainYamlError as error:
        raise RejectedError(f"{where} {error} and upload it again") from error
    if not isinstance(data, dict):
        raise RejectedError(f"{where} is not a model card: it must be a mapping that starts with 'schema: 1'")
    return card_from_mapping(data, where)


def card_from_mapping(data: dict[str, Any], where: str) -> ModelCard:
    """The card in an already parsed mapping; raises RejectedError that names the key at fault."""
    try:
        return ModelCard.model_validate(data)
    except ValidationError as error:
        raise RejectedError(f"{where}: {_sentence(error, data)}") from error


def card_as_mapping(card: ModelCard) -> dict[str, Any]:
    """What `parse_card` would read back; only what differs from the defaults, so that cards stay short."""
    return card.model_dump(mode="json", by_alias=True, exclude_defaults=True) | {
        "schema": card.schema_version
    }


def read_labels(content: bytes) -> Sequence[str]:
    """Labels of a `labels.txt`: one a line, blank lines at the end ignored. Raises RejectedError."""
    try:
        lines = content.decode("utf-8-sig").splitlines()  # editors on Windows write a mark first
    except UnicodeDecodeError as error:
        raise RejectedError(
            "the labels file is not UTF-8 text; save it as UTF-8 and upload it again"
        ) from error
    while lines and not lines[-1].strip():
        lines.pop()
    return [line.strip() for line in lines]
