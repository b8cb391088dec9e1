"""How each model asks to be served, by the cards that are kept beside its versions."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from edge_common.model_card import Serving

from model_sync.cards.cards import EffectiveCard, ModelCards, serving_in
from model_sync.planning.state import ModelState
from model_sync.volume.volume import Volume


@dataclass
class ServingCards:
    """Keeps cards beside versions and reads them back once. Used by one thread."""

    volume: Volume
    shared: ModelCards
    """The cards that lie in the models' folders of the bucket."""
    _known: dict[tuple[str, int], Serving] = field(default_factory=dict)

    def effective(self, model: str, own: EffectiveCard | None) -> EffectiveCard | None:
        """The card that holds for a version with the card `own`, or with none."""
        if own is not None:
            return own
        shared = self.shared.of(model)
        return shared.card if shared is not None else None

    def keep(self, model: str, local_version: int, card: bytes | None) -> None:
        """Keep `card` (JSON) beside version `local_version`; None: it has none. Raises OSError."""
        self.volume.save_card(model, local_version, card)
        self.forget(model, local_version)

    def forget(self, model: str, local_version: int) -> None:
        """Read the card of a version anew when it is asked for next."""
        self._known.pop((model, local_version), None)

    def forget_all(self) -> None:
        """Read every card anew; another pod may have written them."""
        self._known.clear()

    def serving(self, model: str, state: ModelState, staged: Iterable[EffectiveCard]) -> Serving:
        """What the next version, else the newest served one, else the model's own card asks for."""
        for card in staged:
            return card.card.serving
        newest = max(state.configured or state.stored, default=None)
        if newest is not None:
            if (model, newest) not in self._known:
                self._known[model, newest] = serving_in(self.volume.load_card(model, newest))
            return self._known[model, newest]
        shared = self.effective(model, None)
        return shared.card.serving if shared is not None else Serving()
