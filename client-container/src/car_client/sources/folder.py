"""Picture files that arrive in a folder, and what else lies there."""

import os
import stat
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge_common.errors import FatalError, RetryableError
from edge_common.logs import get_logger
from edge_common.pictures.decode import (
    SUFFIXES,
    NotAPictureError,
    PictureLimits,
    PictureTooLargeError,
    decode_picture,
)
from edge_common.printable import printable

from car_client.sources.source import Frame, LeftAside, Source

_MOST_FILES = 100_000
_MOST_DEPTH = 16
_log = get_logger()
_RESTLESS = 3.0
"""Quiet times after which a file that never stays unchanged is taken as it is, if it is whole."""
_MOST_PIXELS = 80_000_000


@dataclass(frozen=True, slots=True)
class Signature:
    """Tells two states of a file apart."""

    inode: int
    size: int
    modified_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> "Signature":
        """That of an open or listed file."""
        return cls(status.st_ino, status.st_size, status.st_mtime_ns)


@dataclass(slots=True)
class FoundFiles:
    """Pictures by path relative to the folder; `aside` counts what else there is, by what it is."""

    pictures: dict[str, Signature] = field(default_factory=dict)
    aside: Counter[str] = field(default_factory=Counter)


def find_files(folder: Path, *, subfolders: bool) -> FoundFiles:
    """Files with the suffix of a picture, without hidden and empty ones. Raises OSError for `folder` itself.

    At most 100,000 pictures, 16 folders deep; linked folders are not entered.
    """
    found = FoundFiles()
    _scan(folder, "", found, depth=0 if subfolders else _MOST_DEPTH)
    return found


def _scan(folder: Path, path: str, found: FoundFiles, *, depth: int) -> None:
    with os.scandir(folder / path) as entries:
        for entry in entries:
            if not entry.name.startswith("."):
                _take(folder, path, entry, found, depth=depth)


def _take(folder: Path, path: str, entry: os.DirEntry[str], found: FoundFiles, *, depth: int) -> None:
    name = f"{path}{entry.name}"
    if entry.is_dir(follow_symlinks=False):
        if depth >= _MOST_DEPTH:
            found.aside["subfolders"] += 1
            return
        try:
            _scan(folder, f"{name}/", found, depth=depth + 1)
        except FileNotFoundError:
            return  # it is gone already
        except OSError:
            found.aside["folders that cannot be read"] += 1
        return
    try:
        status = entry.stat()
    except OSError:
        return  # as above, or a link to nowhere
    if not stat.S_ISREG(status.st_mode) or not status.st_size:
        return
    _, dot, ending = entry.name.rpartition(".")  # a third of the time that `Path.suffix` takes
    suffix = f"{dot}{ending}".lower() if dot and ending else ""
    if suffix not in SUFFIXES:
        found.aside[suffix or "without a suffix"] += 1
    elif len(found.pictures) >= _MOST_FILES:
        found.aside[f"beyond {_MOST_FILES} pictures"] += 1
    else:
        found.pictures[name] = Signature.of(status)


@dataclass(slots=True)
class _Seen:
    signature: Signature
    since: float
    """When it was first seen so."""
    restless_since: float
    """When it began to change, or was last offered."""
    quiet: bool = False
    """Whether it was found unchanged for the quiet time."""


class FolderSource(Source):
    """Picture files of a folder and, if wanted, its subfolders, without hidden ones.

    A file is complete when polls at least `quiet_time` seconds apart found it unchanged; it is read only as
    long as it still is. One that changes all the time is taken every three quiet times, if it decodes to its
    end. This works on every file system, network ones included, where notifications do not. A file that
    changes after it was classified is offered again.
    """

    def __init__(
        self,
        folder: Path,
        *,
        max_bytes: int,
        quiet_time: float,
        subfolders: bool = True,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read at most `max_bytes` and one more of a file. Raises FatalError when there is no such folder."""
        if not folder.is_dir():
            shown = printable(str(folder))
            if folder.is_file():
                raise FatalError(f"{shown} is a file; watch its folder, classify it, or write video:{shown}")
            raise FatalError(f"there is no folder {shown}; create it or name another one")
        self._folder = folder
        self._max_bytes = max_bytes
        self._quiet_time = quiet_time
        self._subfolders = subfolders
        self._monotonic = monotonic
        self._new: deque[str] = deque()
        """Found by the last look and not offered yet: a folder of thousands is not read for each few."""
        self._looked_at = float("-inf")
        self._seen: dict[str, _Seen] = {}
        self._done: dict[str, Signature] = {}
        self._in_hand: dict[Frame, tuple[str, Signature]] = {}
        self._aside = LeftAside(str(self))
        self._unreadable: dict[str, int | None] = {}
        """The error number that a file was told with."""

    def __str__(self) -> str:
        return printable(str(self._folder))

    @property
    def pause(self) -> float:
        """The quiet time after which a file counts as complete."""
        return self._quiet_time

    def poll(self, at_most: int) -> Sequence[Frame]:
        """Files that are complete and new, oldest first."""
        now = self._monotonic()
        if not self._new or now - self._looked_at >= self._quiet_time:
            self._look_for_new(now)
        frames: list[Frame] = []
        while self._new and len(frames) < at_most:
            frame = self._take(self._new.popleft(), now)
            if frame is not None:
                frames.append(frame)
        return frames

    def acknowledge(self, frame: Frame) -> None:
        """Remember the file as it was when it was read."""
        path, signature = self._in_hand.pop(frame)
        self._done[path] = signature

    def give_back(self, frame: Frame) -> None:
        """Read the file again at the next poll, if it is still there."""
        del self._in_hand[frame]

    def _look_for_new(self, now: float) -> None:
        found = self._find()
        files = found.pictures
        self._aside.tell(found.aside)
        self._looked_at = now
        self._seen = {path: self._look(path, files[path], now) for path in files}
        self._done = {path: signature for path, signature in self._done.items() if path in files}
        self._unreadable = {path: error for path, error in self._unreadable.items() if path in files}
        in_hand = set(self._in_hand.values())
        new = [p for p in files if self._done.get(p) != files[p] and (p, files[p]) not in in_hand]
        self._new = deque(sorted(new, key=lambda path: (files[path].modified_ns, path)))

    def _find(self) -> FoundFiles:
        try:
            return find_files(self._folder, subfolders=self._subfolders)
        except OSError as error:
            raise RetryableError(
                f"the folder {self} cannot be read: {error.strerror}; bring it back or end the watch"
            ) from error

    def _look(self, path: str, signature: Signature, now: float) -> _Seen:
        known = self._seen.get(path)
        if known is None:
            return _Seen(signature, now, now)
        if known.signature == signature:
            known.quiet = now - known.since >= self._quiet_time
            return known
        return _Seen(signature, now, now if known.quiet else known.restless_since)

    def _take(self, path: str, now: float) -> Frame | None:
        """The file at `path` if it is quiet, or was restless for long and is whole."""
        seen = self._seen[path]
        if not seen.quiet and now - seen.restless_since < _RESTLESS * self._quiet_time:
            return None
        try:
            with (self._folder / path).open("rb") as file:
                before = Signature.of(os.fstat(file.fileno()))
                content = file.read(self._max_bytes + 1)
                unchanged = Signature.of(os.fstat(file.fileno())) == before
        except FileNotFoundError:
            return None
        except OSError as error:
            # tried again with every look: rights may be given, and a share come back, without a new date
            if self._unreadable.get(path) != error.errno:
                name = printable(path)
                _log.warning("picture_rejected", image=name, error=f"{name} cannot be read: {error.strerror}")
            self._unreadable[path] = error.errno
            return None
        self._unreadable.pop(path, None)
        if not unchanged or (before != seen.signature if seen.quiet else not self._is_whole(content)):
            return None
        seen.restless_since = now
        frame = Frame(printable(path), content, revision=str(before))
        self._in_hand[frame] = (path, before)
        return frame

    def _is_whole(self, content: bytes) -> bool:
        try:
            decode_picture("it", content, PictureLimits(self._max_bytes, _MOST_PIXELS))
        except PictureTooLargeError:
            return True  # whoever classifies it says so
        except NotAPictureError:
            return False
        return True
