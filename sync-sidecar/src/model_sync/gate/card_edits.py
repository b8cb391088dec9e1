"""Cards that change in a model's folder while the model is served: checked first, like a model, then kept."""

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from edge_common.card_file import FILE_NAME
from edge_common.errors import EdgeError, RejectedError

from model_sync.bucket.catalog import Catalog
from model_sync.cards.cards import EffectiveCard, raise_for_misfit
from model_sync.cards.model_cards import ServingCards
from model_sync.model_server.config import serving_settings
from model_sync.planning.state import State
from model_sync.preflight.child_process import Supervision
from model_sync.preflight.pool import WarmPreflight

Key = tuple[str, int]
"""Model and local version."""


@dataclass(frozen=True)
class _Edit:
    card: EffectiveCard
    content: bytes
    checked: Future[None]


@dataclass
class CardEdits:
    """Gives the model's card of the bucket to versions without one of their own. Used by one thread."""

    cards: ServingCards
    preflight: WarmPreflight | None
    """None: edits are kept unchecked."""
    work_done: Callable[[], None]
    """Called from another thread when a check has ended."""
    _pool: Executor = field(default_factory=lambda: ThreadPoolExecutor(1, "card-check"))
    _running: dict[Key, _Edit] = field(default_factory=dict)
    _rejected: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    """Model -> the edit that does not fit what serves, and why."""
    _stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def running(self) -> frozenset[str]:
        """Models of which an edited card is in preflight."""
        return frozenset(model for model, _ in self._running)

    def rejection(self, model: str) -> str | None:
        """Why the model's present card is not in force for what serves; None when it is."""
        return self._rejected[model][1] if model in self._rejected else None

    def follow(self, state: State, catalog: Catalog) -> None:
        """Take up what the listing `catalog` says of cards: edits are checked, a removed card goes.

        Raises OSError when the volume refuses.
        """
        for name, model in state.models.items():
            if name not in catalog.models:
                continue
            card = self.cards.shared.card(name)
            if card is None and not self.cards.shared.has_none(name):
                continue
            for local_version, version in model.stored.items():
                if not any(file.path == FILE_NAME for file in version.files):
                    self._offer((name, local_version), card, serves=local_version in model.configured)

    def collect(self, state: State) -> None:
        """Keep the edits whose check has ended well. Raises OSError when the volume refuses."""
        for key in [key for key, edit in self._running.items() if edit.checked.done()]:
            edit, (model, local_version) = self._running.pop(key), key
            try:
                edit.checked.result()
            except RejectedError as error:
                reason = f"{FILE_NAME}: {error}; until then the earlier card holds"
                self._rejected[model] = (edit.content, reason)
            except EdgeError:
                continue  # it is offered again after the next listing
            else:
                self._rejected.pop(model, None)
                if local_version in state.model(model).stored:
                    self.cards.keep(model, local_version, edit.content)

    def close(self) -> None:
        """End what runs."""
        self._stopping.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _offer(self, key: Key, card: EffectiveCard | None, *, serves: bool) -> None:
        model, local_version = key
        content = card.to_json() if card is not None else None
        if content == self.cards.volume.load_card(model, local_version):
            if serves:
                self._rejected.pop(model, None)
        elif card is None or content is None or self.preflight is None or not serves:
            self._rejected.pop(model, None)
            self.cards.keep(model, local_version, content)
        elif key not in self._running and self._rejected.get(model, (b"", ""))[0] != content:
            checked = self._pool.submit(self._check, key, card)
            self._running[key] = _Edit(card, content, checked)
            checked.add_done_callback(lambda _: self.work_done())

    def _check(self, key: Key, card: EffectiveCard) -> None:
        if self.preflight is None:
            return
        folder, settings = self.cards.volume.version_folder(*key), serving_settings(card.card.serving)
        with self.preflight.take() as child:
            facts = child.check(folder, settings, watched=Supervision(self._stopping))
        raise_for_misfit(card, facts.inputs, facts.outputs)
