"""The cards that lie directly in the models' folders: read once per upload, and what to do with a bad one."""

from dataclasses import dataclass

from edge_common.errors import EdgeError, RejectedError
from edge_common.model_card import FILE_NAME, MAX_BYTES

from model_sync.bucket.catalog import Catalog, ListedModel
from model_sync.cards.effective_card import MAX_LABELS_BYTES, EffectiveCard, read_card
from model_sync.store.object_store import ObjectStore


@dataclass(frozen=True)
class ModelLevelCard:
    """What a model's own card says. With a `problem`, `card` is the last good one."""

    mark: str
    card: EffectiveCard | None
    problem: str | None = None


class ModelCards:
    """The model-level cards as of the last listing."""

    def __init__(self, store: ObjectStore) -> None:
        """Nothing read yet."""
        self._store = store
        self._cards: dict[str, ModelLevelCard] = {}

    def after_listing(self, catalog: Catalog) -> None:
        """Read the cards that changed; one that cannot be read now is read after the next listing."""
        cards = {}
        for name, model in catalog.models.items():
            if model.card is None:
                continue
            before = self._cards.get(name)
            mark = "|".join(sorted(f"{file.path}:{file.etag}" for file in model.loose.values()))
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
        self._cards = cards

    def of(self, model: str) -> ModelLevelCard | None:
        """The model's card; None when it has none."""
        return self._cards.get(model)

    def _read(self, model: ListedModel) -> EffectiveCard:
        file = model.loose[FILE_NAME]
        content = self._store.read_small(file.key, etag=file.etag, limit=MAX_BYTES)

        def read_beside(name: str) -> bytes | None:
            beside = model.loose.get(name)
            if beside is None:
                return None
            return self._store.read_small(beside.key, etag=beside.etag, limit=MAX_LABELS_BYTES)

        return read_card(content, FILE_NAME, read_beside)
