"""What was seen of each watched version, `.model-sync/watches/<model>.jsonl`; it may be lost without harm."""

from collections.abc import Collection
from contextlib import suppress

from edge_common.atomic_files import make_folder, move_aside, replace_file
from edge_common.logs import get_logger

from model_sync.swap_watch.observations import MAX_BYTES, WatchRecord, record_from_lines, record_to_lines
from model_sync.volume.own_files import FOLDER_MODE, read_plain
from model_sync.volume.volume import Volume

_log = get_logger()


class WatchFiles:
    """Reads and replaces the files; the last watch of a model stays. Used by the volume's writer."""

    def __init__(self, volume: Volume) -> None:
        """Nothing is read yet."""
        self._volume = volume
        self._folder = volume.own / "watches"
        self._told = ""

    def load(self, model: str) -> WatchRecord | None:
        """The last watch of `model`; None where there is none that can be read."""
        try:
            return record_from_lines(read_plain(self._folder / f"{model}.jsonl", MAX_BYTES + 1))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            _log.warning("watch_unreadable", model=model, reason=str(error)[:200], effect="it ends")
            return None

    def save(self, record: WatchRecord) -> None:
        """Replace the file of its model; what the volume refuses is logged once, and the watch goes on."""
        path = self._folder / f"{record.watch.model}.jsonl"
        try:
            self._volume.before_write()
            if not self._folder.is_dir():
                make_folder(self._folder, FOLDER_MODE)
            if path.is_dir():
                move_aside(path)
            replace_file(path, record_to_lines(record))
            self._told = ""
        except OSError as error:
            if self._told != str(error):
                _log.warning("watch_not_kept", reason=str(error), effect="it goes on")
            self._told = str(error)

    def forget_all_but(self, models: Collection[str]) -> None:
        """Remove the files of models that are gone."""
        with suppress(OSError):
            for path in self._folder.glob("*.jsonl"):
                if path.stem not in models:
                    path.unlink(missing_ok=True)
