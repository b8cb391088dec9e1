"""One writer per volume, by a POSIX record lock on a file of the volume.

The kernel drops it when its holder dies however it dies, and it works on the network file systems that
ReadWriteMany volumes are made of. A lock belongs to a file, not to its name: once somebody removes or
replaces the file, a second writer could lock the new one. So the holder looks whether its file is still there
before it writes, and who finds a new lock file on a volume in use waits until an earlier holder has had time
to take it.
"""

import errno
import fcntl
import math
import os
from contextlib import suppress
from pathlib import Path

from edge_common.atomic_files import move_aside, set_mode
from edge_common.errors import FatalError

_MODE = 0o644
_MOST_OF_A_NAME = 256
_HELD_BY_ANOTHER = frozenset({errno.EAGAIN, errno.EACCES})
NOTICED_WITHIN = 8.0
"""Seconds within which a living writer has noticed that its lock file is another, and has locked that."""


class LockLostError(OSError):
    """The lock file was removed or replaced; nothing may be written until the one there now is locked."""


class VolumeLock:
    """Held from `try_acquire` until `release`, or until the process ends. Used by one thread."""

    def __init__(self, path: Path, holder: str = "") -> None:
        """`path` is a file on the volume, created when missing; `holder` is noted in it while it is held."""
        self._path = path
        self._holder = holder
        self._descriptor: int | None = None
        self.former = ""
        """Who held it last before this process; empty when nobody is known to have."""

    def try_acquire(self, *, in_use: bool = False) -> bool:
        """Become the writer if nobody else is; True when held afterwards, on the file that is there.

        `in_use`: the volume has models of ours, so that a writer may live whose lock file was removed. Raises
        OSError, and FatalError on a file system without locks.
        """
        if self.is_held:
            return True
        held_before = self._descriptor is not None
        self.release()  # first: to close one descriptor of a file gives up every lock on it
        if self._path.is_dir():
            move_aside(self._path)
        descriptor, made = self._open()
        try:
            if made and not in_use:
                _make_old(descriptor)
            may_have_a_holder = in_use and not held_before and self._age(descriptor) < NOTICED_WITHIN
            if not may_have_a_holder and self._lock(descriptor):
                self._note_holder(descriptor)
                _make_old(descriptor)
                self._descriptor = descriptor
        finally:
            if self._descriptor is None:
                os.close(descriptor)
        return self.is_held

    @property
    def is_held(self) -> bool:
        """Whether this process holds the lock of the file that is there now."""
        if self._descriptor is None:
            return False
        try:
            there = self._path.stat()
        except OSError:
            return False
        held = os.fstat(self._descriptor)
        return (held.st_dev, held.st_ino) == (there.st_dev, there.st_ino)

    def check(self) -> None:
        """Raise LockLostError when the lock was held and its file is no longer the one that is there."""
        if self._descriptor is not None and not self.is_held:
            raise LockLostError(errno.ENOLCK, "the lock file was removed or replaced", str(self._path))

    def release(self) -> None:
        """Let another sidecar write."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> tuple[int, bool]:
        flags = os.O_RDWR | os.O_CLOEXEC
        try:
            descriptor = os.open(self._path, flags | os.O_CREAT | os.O_EXCL, _MODE)
        except FileExistsError:
            return os.open(self._path, flags | os.O_CREAT, _MODE), False
        set_mode(descriptor, _MODE)
        return descriptor, True

    def _lock(self, descriptor: int) -> bool:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _HELD_BY_ANOTHER:
                return False
            raise FatalError(no_locks(self._path, error)) from error
        return True

    def _note_holder(self, descriptor: int) -> None:
        if not self._holder:
            return
        self.former = os.pread(descriptor, _MOST_OF_A_NAME, 0).decode(errors="replace").strip()
        with suppress(OSError):  # it is there for people; whether files can be written so, the probe tells
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, self._holder.encode(), 0)

    def _age(self, descriptor: int) -> float:
        """Seconds since the lock file was made, by the clock of the volume; a file that was held is old."""
        made = os.fstat(descriptor).st_mtime
        if made == 0:
            return math.inf
        beside = self._path.with_name(f".{self._path.name}.time")
        beside.write_bytes(b"now")  # which dates it, also where nobody may set a date
        return beside.stat().st_mtime - made


def no_locks(path: Path, error: OSError) -> str:
    """The sentence for a file system on which `path` cannot be locked."""
    return (
        f"cannot lock {path}: {error.strerror}. Without locks two sidecars could write to one volume; "
        "put the models folder on a file system with POSIX locks (NFS: version 4, or version 3 with its lock "
        "service running)"
    )


def _make_old(descriptor: int) -> None:
    with suppress(OSError):  # a file system that keeps its own times; the file then grows old by itself
        os.utime(descriptor, (0, 0))
