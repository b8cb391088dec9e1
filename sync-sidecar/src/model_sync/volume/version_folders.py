"""How a version's folder comes and goes together with its record: both, or neither."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from model_sync.planning.state import ModelState, StoredVersion
from model_sync.volume.recorded_state import RecordedState
from model_sync.volume.volume import Volume


@dataclass(frozen=True)
class VersionFolders:
    """Changes the folders of one volume along with `records`."""

    volume: Volume
    records: RecordedState

    def enter(self, model: str, state: ModelState, version: StoredVersion, tree: Path) -> None:
        """Record `version`, which `state` has; then, by the next `settle`, rename `tree` into place."""
        replaced = self.records.current.model(model).stored.get(version.local_version)
        self.records.change(model, state)

        def rename() -> None:
            try:
                self.volume.publish(model, version.local_version, tree)
            except OSError:
                if not self.volume.is_intact(model, version):
                    # else config.json would list a folder that is not there
                    now = self.records.current.model(model)
                    without = now.without_stored(version.local_version)
                    self.records.correct(model, without if replaced is None else now.with_stored(replaced))
                raise

        self.records.after_record(model, "publish", rename)

    def leave(self, model: str, local_version: int, take_away: Callable[[], None]) -> None:
        """Take a folder away now, then its record. Raises OSError when the volume refuses."""
        version = self.records.current.model(model).stored[local_version]
        try:
            take_away()
        except OSError:
            if not self.volume.is_intact(model, version):
                self.records.forget_version(model, local_version)
            raise
        self.records.forget_version(model, local_version)

    def delete_staging(self, model: str, bucket_version: str) -> None:
        """Delete what was staged for `source`, once everything changed so far is recorded."""

        def delete() -> None:
            self.volume.delete_staging(model, bucket_version)
            self.volume.forget_model(model)

        self.records.after_record(model, "delete what was staged", delete)
