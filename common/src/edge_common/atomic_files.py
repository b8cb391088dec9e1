"""Replacing files so that a reader, or a crash between any two lines, sees the old content or the new one."""

import os
from pathlib import Path


def replace_file(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Make `path` hold `content`, durably: write aside, fsync, rename, fsync the folder.

    The name written aside is fixed, so that a crash leaves at most one stray file, which the next call
    overwrites. One writer per path is assumed. Raises OSError; the old content is then still there.
    """
    aside = path.with_name(f".{path.name}.new")
    with aside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
    aside.replace(path)
    fsync_folder(path.parent)


def fsync_folder(path: Path) -> None:
    """Make the names in the folder `path` durable; a rename is safe only after this."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
