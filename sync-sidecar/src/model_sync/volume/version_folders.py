"""How a version's folder comes and goes together with its record: both, or neither."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from model_sync.state import ModelState, StoredVersion
from model_sync.volume.recorded_state import RecordedState
from model_sync.volume.shared_volume import Volume


@dataclass(frozen=True)
class VersionFolders:
    """Changes the folders of one volume along with `records`."""

    volume: Volume
    records: RecordedState

    def enter(self, model: str, state: ModelState, version: StoredVersion, tree: Path) -> None:
        """Record `version`, which `state` has; then, by the next `settle`, rename `tree` into place."""
        replaced = self.records.current.model(model).stored.get(version.number)
        self.records.change(model, state)

        def rename() -> None:
            try:
                self.volume.publish(model, version.number, tree)
            except OSError:
                if not self.volume.is_intact(model, version):
                    # else config.json would list a folder that is not there
                    now = self.records.current.model(model)
                    without = now.without_stored(version.number)
                    self.records.correct(model, without if replaced is None else now.with_stored(replaced))
                raise

        self.records.after_record(model, "publish", rename)

    def leave(self, model: str, number: int, take_away: Callable[[], None]) -> None:
        """Take a folder away now, then its record. Raises OSError when the volume refuses."""
        version = self.records.current.model(model).stored[number]
        try:
            take_away()
        except OSError:
            if not self.volume.is_intact(model, version):
                self.records.forget_version(model, number)
            raise
        self.records.forget_version(model, number)

    def delete_staging(self, model: str, source: str) -> None:
        """Delete what was staged for `source`, once everything changed so far is recorded."""

        def delete() -> None:
            self.volume.delete_staging(model, source)
            self.volume.forget_model(model)

        self.records.after_record(model, "delete what was staged", delete)
