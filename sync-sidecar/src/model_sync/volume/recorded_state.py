"""The state in memory, what state.json says, and what may only be done once it says so.

Changes collect until `settle`: one write records all of them, then the effects that wait for it follow. So
the first mirror of two hundred models writes the file a few times, and no effect runs ahead of its record.
"""

from collections.abc import Callable
from dataclasses import dataclass

from model_sync.planning.state import ModelState, State
from model_sync.volume.volume import Volume


@dataclass(frozen=True)
class Refusal:
    """A change of `model` that the volume did not take."""

    model: str
    doing: str
    error: OSError


@dataclass(frozen=True)
class _Effect:
    model: str
    doing: str
    carry_out: Callable[[], None]


class RecordedState:
    """Owns the state of the writer of a volume. Used by one thread."""

    def __init__(self, volume: Volume, state: State) -> None:
        """`state` is what the volume has recorded."""
        self._volume = volume
        self.current = state
        self._recorded = state
        self._true_without_record = state
        self._effects: list[_Effect] = []

    def adopt(self, state: State) -> None:
        """Go on from `state`, which somebody else recorded."""
        self.current = self._recorded = self._true_without_record = state
        self._effects = []

    def change(self, model: str, state: ModelState) -> None:
        """Replace what is known of `model`; recorded by the next `record` or `settle`."""
        self.current = self.current.with_model(model, state)

    def forget_version(self, model: str, local_version: int) -> None:
        """The folder of a version is gone: it is true already, whether it can be recorded or not."""
        self.change(model, self.current.model(model).without_stored(local_version))
        known = self._true_without_record.model(model)
        self._true_without_record = self._true_without_record.with_model(
            model, known.without_stored(local_version)
        )

    def correct(self, model: str, state: ModelState) -> None:
        """An effect was refused after its record was written: `state` is true, recorded or not."""
        self.change(model, state)
        self._true_without_record = self._true_without_record.with_model(model, state)

    def after_record(self, model: str, doing: str, effect: Callable[[], None]) -> None:
        """Carry out `effect` by the next `settle`, once everything changed so far is recorded."""
        self._effects.append(_Effect(model, doing, effect))

    def record(self) -> None:
        """Write what has changed. Raises OSError; then what was only intended is forgotten."""
        if self.current is self._recorded:
            return
        try:
            self._volume.save_state(self.current)
        except OSError:
            self.current = self._true_without_record
            self._effects = []
            raise
        self._recorded = self._true_without_record = self.current

    def settle(self) -> list[Refusal]:
        """Record what has changed, then carry out what waited for that; returns what was refused.

        An effect that is refused must leave the state, and the volume, such that the next plan can ask again.
        """
        changed = [
            name
            for name in self.current.models.keys() | self._recorded.models.keys()
            if self.current.models.get(name) is not self._recorded.models.get(name)
        ]
        effects, self._effects = self._effects, []
        try:
            self.record()
        except OSError as error:
            return [Refusal(name, "record", error) for name in sorted(changed)]
        refused = []
        for effect in effects:
            try:
                effect.carry_out()
            except OSError as error:
                refused.append(Refusal(effect.model, effect.doing, error))
        return refused
