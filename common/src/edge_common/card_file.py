"""Model cards and labels as files: read with bounds, checked against the schema, written briefly."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from edge_common.errors import RejectedError
from edge_common.model_card import ModelCard

FILE_NAME = "model.yaml"
MAX_BYTES = 64 * 1024
"""A larger card is refused unread: a thousand labels fit, and parsing one takes less than a second."""


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"]) or "the card"
    if first["type"] == "extra_forbidden":
        return f"unknown key {place!r}; remove it or correct its spelling"
    return f"{place}: {first['msg']}"


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
        raise RejectedError(f"{where}: {_sentence(error)}") from error


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
