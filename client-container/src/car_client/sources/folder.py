"""Picture files that arrive in a folder."""

import os
import stat
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from edge_common.errors import FatalError, RetryableError
from edge_common.logs import get_logger
from edge_common.pictures.decode import SUFFIXES

from car_client.sources.source import Frame, Supply

_log = get_logger()


@dataclass(frozen=True, slots=True)
class _Signature:
    inode: int
    size: int
    modified_ns: int


class FolderSource:
    """Picture files of one folder, without its subfolders and hidden files.

    A file is complete when polls at least `quiet_time` seconds apart found it unchanged; it is read only as
    long as it still is. This works on every file system, network ones included, where notifications do not.
    A file that changes after it was classified is offered again.
    """

    def __init__(
        self,
        folder: Path,
        *,
        max_bytes: int,
        quiet_time: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read at most `max_bytes` and one more of a file. Raises FatalError when there is no such folder."""
        if not folder.is_dir():
            raise FatalError(f"there is no folder {folder}; create it or name another one")
        self._folder = folder
        self._max_bytes = max_bytes
        self._quiet_time = quiet_time
        self._monotonic = monotonic
        self._unchanged_since: dict[str, tuple[_Signature, float]] = {}
        self._done: dict[str, _Signature] = {}
        self._in_hand: dict[Frame, _Signature] = {}

    def __str__(self) -> str:
        """The folder's path."""
        return str(self._folder)

    @property
    def pause(self) -> float:
        """The quiet time after which a file counts as complete."""
        return self._quiet_time

    @property
    def supply(self) -> Supply:
        """Whatever comes, comes at any time."""
        return Supply.IDLE

    def poll(self, at_most: int) -> Sequence[Frame]:
        """Files that are complete and new, oldest first."""
        found = self._scan()
        in_hand = {(frame.name, signature) for frame, signature in self._in_hand.items()}
        complete = [
            name
            for name, signature in found.items()
            if self._is_quiet(name, signature)
            and self._done.get(name) != signature
            and (name, signature) not in in_hand
        ]
        self._unchanged_since = {name: self._unchanged_since[name] for name in found}
        self._done = {name: signature for name, signature in self._done.items() if name in found}
        complete.sort(key=lambda name: (found[name].modified_ns, name))
        frames = (self._read(name, found[name]) for name in complete)
        return list(islice((frame for frame in frames if frame is not None), at_most))

    def acknowledge(self, frame: Frame) -> None:
        """Remember the file as it was when it was read."""
        self._done[frame.name] = self._in_hand.pop(frame)

    def give_back(self, frame: Frame) -> None:
        """Read the file again at the next poll, if it is still there."""
        del self._in_hand[frame]

    def close(self) -> None:
        """Do nothing; no file is open between polls."""

    def _is_quiet(self, name: str, signature: _Signature) -> bool:
        """Whether the file was so for long enough; notes since when it is."""
        now = self._monotonic()
        known, since = self._unchanged_since.get(name, (None, now))
        if known != signature:
            self._unchanged_since[name] = (signature, now)
            return False
        return now - since >= self._quiet_time

    def _scan(self) -> dict[str, _Signature]:
        found: dict[str, _Signature] = {}
        try:
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    if entry.name.startswith(".") or Path(entry.name).suffix.lower() not in SUFFIXES:
                        continue
                    signature = _signature_of(entry)
                    if signature is not None:
                        found[entry.name] = signature
        except OSError as error:
            raise RetryableError(
                f"the folder {self._folder} cannot be read: {error.strerror}; bring it back or end the watch"
            ) from error
        return found

    def _read(self, name: str, expected: _Signature) -> Frame | None:
        try:
            with (self._folder / name).open("rb") as file:
                content = file.read(self._max_bytes + 1)
                unchanged = _signature(os.fstat(file.fileno())) == expected
        except FileNotFoundError:
            return None
        except OSError as error:
            _log.warning("picture_rejected", image=name, error=f"{name} cannot be read: {error.strerror}")
            self._done[name] = expected
            return None
        if not unchanged:
            return None
        frame = Frame(name, content, revision=str(expected))
        self._in_hand[frame] = expected
        return frame


def _signature_of(entry: os.DirEntry[str]) -> _Signature | None:
    """The signature of a non-empty regular file; None for all else, and for what is gone already."""
    try:
        status = entry.stat()
    except OSError:
        return None
    return _signature(status) if stat.S_ISREG(status.st_mode) and status.st_size else None


def _signature(status: os.stat_result) -> _Signature:
    return _Signature(status.st_ino, status.st_size, status.st_mtime_ns)
