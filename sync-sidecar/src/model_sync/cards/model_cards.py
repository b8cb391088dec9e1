"""Which card holds for a model: those in the bucket's folders of models, and those kept beside versions."""

import json
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from edge_common.card_file import FILE_NAME, MAX_BYTES, card_from_mapping
from edge_common.errors import EdgeError, RejectedError, RetryableError
from edge_common.model_card import Serving

from model_sync.bucket.catalog import Catalog, ListedModel
from model_sync.bucket.keys import PIN_NAME
from model_sync.cards.cards import MAX_LABELS_BYTES, EffectiveCard, read_card
from model_sync.planning.state import ModelState, StoredVersion
from model_sync.store.object_store import ObjectStore, read_small
from model_sync.volume.own_files import Facts, read_plain
from model_sync.volume.volume import Volume


def serving_in(card: bytes | None) -> Serving:
    """The wishes in a card that `to_json` wrote; the defaults for none, or one of another release."""
    try:
        return card_from_mapping(json.loads(card), FILE_NAME).serving if card else Serving()
    except (ValueError, RejectedError):
        return Serving()


def _is_json(card: bytes | None) -> bool:
    try:
        return card is not None and isinstance(json.loads(card), dict)
    except ValueError:
        return False


@dataclass(frozen=True)
class ModelLevelCard:
    """What a model's own card says. With a `rejection`, `card` is the last good one."""

    mark: str
    card: EffectiveCard | None
    rejection: str | None = None


FoundCards = tuple[dict[str, ModelLevelCard], dict[str, int]]
"""Model -> its card; model -> how many listings in a row had none."""

_READING = 120.0
"""Seconds for all cards of a listing."""
_ENOUGH_LISTINGS = 2
"""Without its card, before a model is believed to have none."""


class ModelCards:
    """The model-level cards as of the last listing."""

    def __init__(self, store: ObjectStore, properties: Collection[str] = ()) -> None:
        """Cards of models in `store`; `properties` as in `read_card`."""
        self._store = store
        self.properties = properties
        self._cards: dict[str, ModelLevelCard] = {}
        self._listings_without: dict[str, int] = {}

    def read(self, catalog: Catalog) -> FoundCards:
        """The cards in `catalog`; those that changed are read from the store, for two minutes at most.

        One that cannot be read now is read after the next listing. Changes nothing here: see `take`.
        """
        cards, without = {}, {}
        until = time.monotonic() + _READING
        for name, model in catalog.models.items():
            if model.card is None:
                without[name] = self._listings_without.get(name, 0) + 1
                continue
            before = self._cards.get(name)
            mark = "|".join(
                sorted(f"{file.path}:{file.state}" for file in model.loose.values() if file.path != PIN_NAME)
            )
            if before is not None and before.mark == mark:
                cards[name] = before
                continue
            last_good = before.card if before is not None else None
            try:
                cards[name] = ModelLevelCard(mark, self._read(model, until))
            except RejectedError as error:
                cards[name] = ModelLevelCard(mark, last_good, str(error))
            except EdgeError as error:
                cards[name] = ModelLevelCard("unread", last_good, str(error))
        return cards, without

    def take(self, found: FoundCards) -> None:
        """Let the cards hold that `read` found."""
        self._cards, self._listings_without = found

    def has_none(self, model: str) -> bool:
        """Whether the bucket lists the model without a card, and not only for a moment."""
        return self._listings_without.get(model, 0) >= _ENOUGH_LISTINGS

    def of(self, model: str) -> ModelLevelCard | None:
        """What the model's card says; None when it has none."""
        return self._cards.get(model)

    def card(self, model: str) -> EffectiveCard | None:
        """The card that holds for versions of the model without their own; None: it has had no good one."""
        found = self._cards.get(model)
        return found.card if found is not None else None

    def _read(self, model: ListedModel, until: float) -> EffectiveCard:
        if time.monotonic() > until:
            raise RetryableError("the store gives cards too slowly; it is read after the next listing")
        content = read_small(self._store, model.loose[FILE_NAME], MAX_BYTES)

        def read_beside(name: str) -> bytes | None:
            beside = model.loose.get(name)
            return None if beside is None else read_small(self._store, beside, MAX_LABELS_BYTES)

        in_versions = [f"{name}/{file.path}" for name, one in model.versions.items() for file in one.files]
        return read_card(content, FILE_NAME, read_beside, self.properties, [*model.loose, *in_versions])


@dataclass
class ServingCards:
    """Keeps cards beside versions and reads them back once. Used by one thread."""

    volume: Volume
    shared: ModelCards
    """The cards that lie in the models' folders of the bucket."""
    _known: dict[tuple[str, int], Serving | None] = field(default_factory=dict)
    """None: no card is kept beside it."""
    _kept: dict[tuple[str, int], bytes | None] = field(default_factory=dict)
    """What lies beside a version, as far as it was looked at."""
    _facts: dict[tuple[str, int], Facts | None] = field(default_factory=dict)
    """What is cheap to see of that: while it is the same, nothing is read."""

    def keep(self, model: str, local_version: int, card: bytes | None) -> None:
        """Keep `card` (JSON) beside version `local_version`; None: it has none. Raises OSError."""
        self.volume.save_card(model, local_version, card)
        self.forget(model, local_version)
        self._kept[model, local_version] = card

    def restore(self, model: str, version: StoredVersion) -> bool:
        """Keep the card of a version again where somebody changed it; True when it was. Raises OSError."""
        local_version = version.local_version
        key = model, local_version
        facts = self.volume.card_facts(model, local_version)
        if key in self._facts and self._facts[key] == facts:
            return False
        there = self.volume.load_card(model, local_version)
        if key not in self._kept:
            self._kept[key] = self._kept_or_brought(model, version)
        if there == self._kept[key]:
            self._facts[key] = facts
            return False
        self.keep(model, local_version, self._kept[key])
        return True

    def forget(self, model: str, local_version: int) -> None:
        """Read the card of a version anew when it is asked for next."""
        for remembered in (self._known, self._kept, self._facts):
            remembered.pop((model, local_version), None)

    def forget_all(self) -> None:
        """Read every card anew; another pod may have written them."""
        for remembered in (self._known, self._kept, self._facts):
            remembered.clear()

    def serving(self, model: str, state: ModelState, staged: Iterable[EffectiveCard]) -> Serving:
        """What the next version, else the newest served one, else the model's own card asks for."""
        for card in staged:
            return card.card.serving
        kept, shared = self._beside_newest(model, state), self.shared.card(model)
        if kept is not None:
            return kept
        return shared.card.serving if shared is not None else Serving()

    def none_kept(self, model: str, state: ModelState) -> bool:
        """Whether no card is kept beside what serves: it never had one, or that was lost during a stop."""
        return self._beside_newest(model, state) is None

    def _beside_newest(self, model: str, state: ModelState) -> Serving | None:
        newest = max(state.configured or state.stored, default=None)
        if newest is None or newest not in state.stored:
            return None
        if (model, newest) not in self._known:
            card = self._kept_or_brought(model, state.stored[newest])
            self._known[model, newest] = serving_in(card) if _is_json(card) else None
        return self._known[model, newest]

    def _kept_or_brought(self, model: str, version: StoredVersion) -> bytes | None:
        """The card kept beside a version; where that was lost or spoilt, made from the one it brought."""
        kept = self.volume.load_card(model, version.local_version)
        if _is_json(kept) or version.harmed or all(file.path != FILE_NAME for file in version.files):
            return kept
        folder = self.volume.version_folder(model, version.local_version)

        def read_beside(name: str) -> bytes | None:
            return read_plain(folder / name) if (folder / name).is_file() else None

        try:
            content, properties = read_plain(folder / FILE_NAME), self.shared.properties
            return read_card(content, FILE_NAME, read_beside, properties).to_json()
        except (OSError, RejectedError):
            return kept
