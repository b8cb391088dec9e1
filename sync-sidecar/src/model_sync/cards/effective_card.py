"""The card that holds for a version: its own, else the model's; with the labels it names read in."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from edge_common.errors import RejectedError
from edge_common.model_card import (
    FILE_NAME,
    ModelCard,
    Serving,
    card_as_mapping,
    card_from_mapping,
    parse_card,
    read_labels,
)

from model_sync.bucket.keys import path_problem, quoted

MAX_LABELS_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class EffectiveCard:
    """A card and its labels, wherever they were written; `labels` is None when the card names none."""

    card: ModelCard
    labels: tuple[str, ...] | None

    def to_json(self) -> bytes:
        """What `GET /v1/models/<model>/card` answers: the card with the labels inline."""
        mapping = card_as_mapping(self.card)
        if self.labels is not None:
            mapping["output"] = {**mapping.get("output", {}), "labels": list(self.labels)}
        return json.dumps(mapping, ensure_ascii=False).encode()


def read_card(content: bytes, where: str, read_beside: Callable[[str], bytes | None]) -> EffectiveCard:
    """The card in `content`; `read_beside` gives the file of a name beside it, None when there is none.

    Raises RejectedError that names the card, and the key or the labels file at fault.
    """
    card = parse_card(content, where)
    labels = _labels(card, where, read_beside)
    _check_sample(card, labels, where)
    return EffectiveCard(card, labels)


def _labels(
    card: ModelCard, where: str, read_beside: Callable[[str], bytes | None]
) -> tuple[str, ...] | None:
    named = card.output.labels
    if not isinstance(named, str):
        return named
    problem = path_problem(named)
    if problem is not None:
        raise RejectedError(f"{where}: output.labels {quoted(named)} cannot be read: {problem}")
    text = read_beside(named)
    if text is None:
        raise RejectedError(
            f"{where} names the labels file {quoted(named)}, which is not there; upload it beside it"
        )
    labels = tuple(read_labels(text))
    if not labels:
        raise RejectedError(f"the labels file {quoted(named)} is empty; write one label a line")
    return labels


def _check_sample(card: ModelCard, labels: tuple[str, ...] | None, where: str) -> None:
    if card.sample is None:
        return
    problem = path_problem(card.sample.picture)
    if problem is not None:
        raise RejectedError(
            f"{where}: sample.picture {quoted(card.sample.picture)} cannot be read: {problem}"
        )
    label = card.sample.label
    if label is not None and label not in (labels or ()):
        raise RejectedError(
            f"{where}: sample.label {quoted(label)} is not among the labels; correct it, or output.labels"
        )


def serving_in(card: bytes | None) -> Serving:
    """The wishes in a card that `to_json` wrote; the defaults for none, or one of another release."""
    try:
        return card_from_mapping(json.loads(card), FILE_NAME).serving if card else Serving()
    except (ValueError, RejectedError):
        return Serving()


def label_problem(card: EffectiveCard, classes: int | None) -> str | None:
    """The sentence when the card has another number of labels than the model has classes."""
    if card.labels is None or classes is None or len(card.labels) == classes:
        return None
    return (
        f"the card has {len(card.labels)} labels, but the model gives {classes} values; "
        "correct the labels, one for each class in the model's order"
    )
