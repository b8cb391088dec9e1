"""Model cards with the labels they name: how one is read, and those in the models' folders of the bucket."""

import json
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from edge_common.errors import EdgeError, RejectedError
from edge_common.model_card import (
    FILE_NAME,
    MAX_BYTES,
    Layout,
    ModelCard,
    Serving,
    card_as_mapping,
    card_from_mapping,
    parse_card,
    read_labels,
)

from model_sync.bucket.catalog import Catalog, ListedModel
from model_sync.bucket.keys import path_problem, quoted
from model_sync.cards.serving_limits import serving_rejection
from model_sync.download.whole_object import read_listed
from model_sync.store.object_store import ObjectStore

_RANK = 4
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


def read_card(
    content: bytes,
    where: str,
    read_beside: Callable[[str], bytes | None],
    properties: Collection[str] = (),
) -> EffectiveCard:
    """The card in `content`; `read_beside` gives the file of a name beside it, None when there is none.

    `properties` are those that the operator allows beside the usual ones, each as `DEVICE:NAME`.
    Raises RejectedError that names the card, and the key or the labels file at fault.
    """
    card = parse_card(content, where)
    rejection = serving_rejection(card.serving, cores=os.cpu_count() or 1, further=properties)
    if rejection is not None:
        raise RejectedError(f"{where}: {rejection}")
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


def card_rejection(
    card: EffectiveCard, inputs: Mapping[str, tuple[int, ...]], classes: int | None
) -> str | None:
    """Why the card does not fit a model with these inputs and classes, as shapes tell; None: it does."""
    wanted = card.card.input
    named = (shape for name, shape in inputs.items() if wanted.name in (None, name))
    pictures = [shape for shape in named if len(shape) == _RANK]
    if wanted.size is not None and len(pictures) == 1:
        (shape,) = pictures
        sides = shape[2:] if wanted.layout is Layout.NCHW else shape[1:3]
        if any(side not in (-1, size) for side, size in zip(sides, wanted.size, strict=True)):
            return (
                f"the card's input.size {list(wanted.size)} and input.layout {wanted.layout} do not fit the "
                f"model's input {list(shape)}; correct them"
            )
    return label_rejection(card, classes)


def label_rejection(card: EffectiveCard, classes: int | None) -> str | None:
    """The sentence when the card has another number of labels than the model has classes."""
    if card.labels is None or classes is None or len(card.labels) == classes:
        return None
    return (
        f"the card has {len(card.labels)} labels, but the model gives {classes} values; "
        "correct the labels, one for each class in the model's order"
    )


@dataclass(frozen=True)
class ModelLevelCard:
    """What a model's own card says. With a `rejection`, `card` is the last good one."""

    mark: str
    card: EffectiveCard | None
    rejection: str | None = None


class ModelCards:
    """The model-level cards as of the last listing."""

    _enough_listings = 2
    """Without its card, before a model is believed to have none."""

    def __init__(self, store: ObjectStore, properties: Collection[str] = ()) -> None:
        """Cards of models in `store`; `properties` as in `read_card`."""
        self._store = store
        self._properties = properties
        self._cards: dict[str, ModelLevelCard] = {}
        self._listings_without: dict[str, int] = {}

    def after_listing(self, catalog: Catalog) -> None:
        """Read the cards that changed; one that cannot be read now is read after the next listing."""
        cards, without = {}, {}
        for name, model in catalog.models.items():
            if model.card is None:
                without[name] = self._listings_without.get(name, 0) + 1
                continue
            before = self._cards.get(name)
            mark = "|".join(sorted(f"{file.path}:{file.state}" for file in model.loose.values()))
            if before is not None and before.mark == mark:
                cards[name] = before
                continue
            last_good = before.card if before is not None else None
            try:
                cards[name] = ModelLevelCard(mark, self._read(model))
            except RejectedError as error:
                cards[name] = ModelLevelCard(mark, last_good, str(error))
            except EdgeError as error:
                cards[name] = ModelLevelCard("unread", last_good, str(error))
        self._cards, self._listings_without = cards, without

    def has_none(self, model: str) -> bool:
        """Whether the bucket lists the model without a card, and not only for a moment."""
        return self._listings_without.get(model, 0) >= self._enough_listings

    def of(self, model: str) -> ModelLevelCard | None:
        """The model's card; None when it has none."""
        return self._cards.get(model)

    def _read(self, model: ListedModel) -> EffectiveCard:
        content = read_listed(self._store, model.loose[FILE_NAME], MAX_BYTES)

        def read_beside(name: str) -> bytes | None:
            beside = model.loose.get(name)
            if beside is None:
                return None
            return read_listed(self._store, beside, MAX_LABELS_BYTES)

        return read_card(content, FILE_NAME, read_beside, self._properties)
