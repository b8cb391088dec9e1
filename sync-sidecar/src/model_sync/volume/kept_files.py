"""What else is kept on the volume: the history, what was seen of watched versions, changes handed over.

All of it may be lost without harm; what is damaged begins anew.
"""

import errno
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from edge_common.atomic_files import make_folder, replace_file
from edge_common.logs import get_logger
from pydantic import TypeAdapter

from model_sync.planning.history import MAX_BYTES, HistoryEntry, history_from_lines, history_to_lines
from model_sync.swap_watch.observations import MAX_BYTES as MAX_WATCH_BYTES
from model_sync.swap_watch.observations import WatchRecord, record_from_lines, record_to_lines
from model_sync.volume.own_files import FOLDER_MODE, Facts, facts_of, read_plain
from model_sync.volume.volume import Volume

_log = get_logger()

Change = Literal["pin", "unpin", "retry", "release", "sync", "sent"]
_MOST_HANDED_BYTES = 16 * 1024
_MOST_WAITING = 100
_LATE_SECONDS = 600.0
"""Older ones are left: who asked has looked for another way by then, and things may be otherwise now."""


class HistoryFile:
    """`.model-sync/history.jsonl`. Used by one thread; only the volume's writer may save."""

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
        self._volume.replace(self._path, history_to_lines(entries))

    def _set_aside(self, reason: str) -> None:
        aside = self._path.with_name(f"{self._path.name}.unreadable")
        try:
            self._path.replace(aside)
        except OSError as error:
            _log.warning("history_unreadable", reason=f"{reason[:200]}; {error.strerror}")
        else:
            _log.warning("history_unreadable", reason=reason[:200], kept_as=str(aside), effect="started anew")


class WatchFiles:
    """`.model-sync/watches/<model>.jsonl`: the last watch of each model. Used by the volume's writer."""

    def __init__(self, volume: Volume) -> None:
        """Nothing is read yet."""
        self._volume = volume
        self._folder = volume.own / "watches"
        self._told = ""

    def load(self, model: str) -> WatchRecord | None:
        """The last watch of `model`; None where there is none that can be read."""
        try:
            return record_from_lines(read_plain(self._folder / f"{model}.jsonl", MAX_WATCH_BYTES + 1))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            _log.warning("watch_unreadable", model=model, reason=str(error)[:200], effect="it ends")
            return None

    def save(self, record: WatchRecord) -> None:
        """Replace the file of its model; what the volume refuses is logged once, and the watch goes on."""
        path = self._folder / f"{record.watch.model}.jsonl"
        try:
            if not self._folder.is_dir():
                self._volume.before_write()
                make_folder(self._folder, FOLDER_MODE)
            self._volume.replace(path, record_to_lines(record))
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


@dataclass(frozen=True)
class Handed:
    """A change that was asked for: of which model, with what beside it, by whom, and when in Unix seconds."""

    change: Change
    model: str
    asked: dict[str, Any]
    by: str
    at: float


_HANDED = TypeAdapter(Handed)


@dataclass(frozen=True)
class HandedOver:
    """The files `*.ask` in `folder`; `own` is this pod's name, unlike all others."""

    folder: Path
    own: str

    def put(self, handed: Handed) -> None:
        """Leave it for the pod that writes. Raises OSError, also when a hundred are waiting already."""
        make_folder(self.folder)
        if len(list(islice(self.folder.glob("*.ask"), _MOST_WAITING))) == _MOST_WAITING:
            raise OSError(errno.EBUSY, "too many changes wait for the pod that writes", str(self.folder))
        replace_file(self.folder / f"{self.own}.{uuid4().hex}.ask", _HANDED.dump_json(handed))

    def take(self, now: float) -> Iterator[Handed]:
        """Those that wait and are not late, oldest first; each is taken away before it is told."""
        taken = []
        for path in islice(self.folder.glob("[!.]*.ask"), _MOST_WAITING):
            with suppress(OSError, ValueError):  # taken by another, or not written by a sidecar
                content = read_plain(path, _MOST_HANDED_BYTES)
                path.unlink()
                taken.append(_HANDED.validate_json(content))
        taken.sort(key=lambda one: one.at)
        return (one for one in taken if abs(now - one.at) < _LATE_SECONDS)
