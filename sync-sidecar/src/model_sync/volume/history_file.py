"""The history on the volume, `.model-sync/history.jsonl`; when it is damaged it begins anew."""

from contextlib import suppress

from edge_common.atomic_files import move_aside, replace_file
from edge_common.logs import get_logger

from model_sync.planning.history import (
    MAX_BYTES,
    HistoryEntry,
    history_from_lines,
    history_to_lines,
)
from model_sync.volume.own_files import Facts, facts_of, read_plain
from model_sync.volume.volume import Volume

_log = get_logger()


class HistoryFile:
    """Reads and replaces the file. Used by one thread; only the volume's writer may save."""

    def __init__(self, volume: Volume) -> None:
        """Nothing is read yet."""
        self._volume = volume
        self._path = volume.own / "history.jsonl"
        self._seen: Facts | None = None

    def load(self, *, mend: bool) -> tuple[HistoryEntry, ...]:
        """What it holds; nothing when there is none or it is damaged.

        `mend`: keep a damaged one as history.jsonl.unreadable and say so, as the volume's writer does.
        """
        try:
            self._seen = facts_of(self._path)
            if self._seen is None:
                return ()
            return history_from_lines(read_plain(self._path, MAX_BYTES + 1))
        except (OSError, ValueError, RecursionError) as error:
            if mend:
                self._set_aside(str(error))
            return ()

    @property
    def changed(self) -> bool:
        """Whether it is another than was loaded last."""
        with suppress(OSError):
            return facts_of(self._path) != self._seen
        return False

    def save(self, entries: tuple[HistoryEntry, ...]) -> None:
        """Replace it by `entries`. Raises OSError; the old one is then still there."""
        self._volume.before_write()
        if self._path.is_dir():
            move_aside(self._path)
        replace_file(self._path, history_to_lines(entries))

    def _set_aside(self, reason: str) -> None:
        aside = self._path.with_name(f"{self._path.name}.unreadable")
        try:
            self._path.replace(aside)
        except OSError as error:
            _log.warning("history_unreadable", reason=f"{reason[:200]}; {error.strerror}")
        else:
            _log.warning("history_unreadable", reason=reason[:200], kept_as=str(aside), effect="started anew")
