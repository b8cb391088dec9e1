"""The state in memory, what the volume says of it, and what may only be done once it says so.

Changes collect until `flush`: one write records all of them, then the effects that wait for it follow. So
the first mirror of two hundred models writes the file a few times, and no effect runs ahead of its record.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge_common.errors import FatalError

from model_sync.model_server.config import format_config
from model_sync.planning.state import ModelState, State, StoredVersion
from model_sync.volume.own_files import Facts, facts_of
from model_sync.volume.volume import Volume


@dataclass(frozen=True)
class WriteError:
    """A change of `model` that the volume did not take."""

    model: str
    doing: str
    error: OSError


class RecordedState:
    """Owns the state of the writer of a volume. Used by one thread."""

    def __init__(self, volume: Volume, state: State) -> None:
        """`state` is what the volume has recorded."""
        self._volume = volume
        self.current = state
        """What is true once it is flushed."""
        self._recorded = state
        self._true_without_record = state
        self._effects: list[tuple[str, str, Callable[[], None]]] = []
        self._written_config: bytes | None = None
        self._configured_from: State | None = None
        self._config_facts: Facts | None = None
        self._state_facts: Facts | None = None
        self._state_seen = False
        """Whether the file was held against the state since that was adopted."""

    def adopt(self, state: State) -> None:
        """Go on from `state`, which somebody else recorded."""
        self.current = self._recorded = self._true_without_record = state
        self._effects = []
        self._state_facts, self._state_seen = None, False
        self._written_config = self._configured_from = self._config_facts = None

    def change(self, model: str, state: ModelState) -> None:
        """Replace what is known of `model`; recorded by the next `record` or `flush`."""
        self.current = self.current.with_model(model, state)

    def after_record(self, model: str, doing: str, effect: Callable[[], None]) -> None:
        """Carry out `effect` by the next `flush`, once everything changed so far is recorded."""
        self._effects.append((model, doing, effect))

    def enter(self, model: str, state: ModelState, version: StoredVersion, tree: Path) -> None:
        """Record `version`, which `state` has; then, by the next `flush`, rename `tree` into place."""
        replaced = self.current.model(model).stored.get(version.local_version)
        self.change(model, state)

        def rename() -> None:
            try:
                self._volume.publish(model, version.local_version, tree)
                self._volume.wait_until_seen(model, version)
            except OSError:
                if not self._volume.is_intact(model, version):
                    # else config.json would list a folder that is not there
                    now = self.current.model(model)
                    without = now.without_stored(version.local_version)
                    true = without if replaced is None else now.with_stored(replaced)
                    self.change(model, true)  # recorded or not
                    self._true_without_record = self._true_without_record.with_model(model, true)
                raise

        self.after_record(model, "publish", rename)

    def leave(self, model: str, local_version: int, take_away: Callable[[], None]) -> None:
        """Take a folder away now, then its record. Raises OSError when the volume refuses."""
        version = self.current.model(model).stored[local_version]
        try:
            take_away()
        except OSError:
            if not self._volume.is_intact(model, version):
                self.forget_version(model, local_version)
            raise
        self.forget_version(model, local_version)

    def forget_version(self, model: str, local_version: int) -> None:
        """The folder of a version is gone: it is true already, whether it can be recorded or not."""
        self.change(model, self.current.model(model).without_stored(local_version))
        known = self._true_without_record.model(model)
        without = known.without_stored(local_version)
        self._true_without_record = self._true_without_record.with_model(model, without)

    def delete_staging(self, model: str, bucket_version: str) -> None:
        """Delete what was staged for an upload, once everything changed so far is recorded."""

        def delete() -> None:
            self._volume.delete_staging(model, bucket_version)
            self._volume.forget_model(model)

        self.after_record(model, "delete what was staged", delete)

    def record(self) -> None:
        """Write what has changed. Raises OSError; then what was only intended is forgotten."""
        if self.current is self._recorded:
            return
        try:
            self._save_state(self.current)
        except OSError:
            self.current = self._true_without_record
            self._effects = []
            raise
        self._recorded = self._true_without_record = self.current

    def flush(self) -> list[WriteError]:
        """Record what has changed, then carry out what waited for that; returns what the volume refused.

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
            return [WriteError(name, "record", error) for name in sorted(changed)]
        refused = []
        for model, doing, carry_out in effects:
            try:
                carry_out()
            except OSError as error:
                refused.append(WriteError(model, doing, error))
        return refused

    def write_config(self) -> bool:
        """Make config.json say what the state has configured; True when it changed. Raises OSError."""
        self.record()
        if self.current is self._configured_from:
            return False
        content = format_config(self.current, self._volume.root)
        if self._written_config is None:
            self._written_config = self._volume.load_config()
        changed = content != self._written_config
        if changed:
            # a write that fails late has replaced the file, and nobody is to put the old one back
            self._written_config = self._config_facts = None
            self._volume.save_config(content)
        if self._config_facts is None:
            self._config_facts = facts_of(self._volume.config_path)
        self._written_config, self._configured_from = content, self.current
        return changed

    def restore(self) -> list[str]:
        """Write state.json and config.json again where somebody changed them; returns their names.

        Raises OSError when the volume refuses.
        """
        restored = []
        if facts_of(self._volume.state_path) != self._state_facts:
            if self._recorded_differently():
                self._save_state(self._recorded)
                restored += ["state.json"] * self._state_seen
            self._state_facts, self._state_seen = facts_of(self._volume.state_path), True
        if self._written_config is not None and facts_of(self._volume.config_path) != self._config_facts:
            if self._volume.load_config() != self._written_config:
                self._volume.save_config(self._written_config)
                restored.append("config.json")
            self._config_facts = facts_of(self._volume.config_path)
        return restored

    def _recorded_differently(self) -> bool:
        try:
            return (self._volume.load_state() or State()) != self._recorded
        except FatalError:
            return True

    def _save_state(self, state: State) -> None:
        self._volume.save_state(state)
        self._state_facts, self._state_seen = facts_of(self._volume.state_path), True
