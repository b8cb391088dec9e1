"""One writer per volume, by a POSIX record lock.

The kernel drops it when its holder dies however it dies, and it works on the network file systems that
ReadWriteMany volumes are made of.
"""

import fcntl
import os
from pathlib import Path

_MODE = 0o644


class VolumeLock:
    """Held from `try_acquire` until `release`, or until the process ends."""

    def __init__(self, path: Path) -> None:
        """`path` is a file on the volume, created when missing."""
        self._path = path
        self._descriptor: int | None = None

    def try_acquire(self) -> bool:
        """Become the writer if nobody else is; True when held afterwards. Raises OSError."""
        if self._descriptor is not None:
            return True
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Let another sidecar write."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
