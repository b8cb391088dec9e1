"""Replacing files so that a reader, or a crash between any two lines, sees the old content or the new one.

File systems of other kinds (FUSE, SMB, object stores as folders) lack some of the calls. What they refuse as
unknown to them is gone without: nothing that is readable becomes less so.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_UNKNOWN_HERE = frozenset({errno.EINVAL, errno.ENOTSUP, errno.ENOSYS})
_NO_MODES_HERE = _UNKNOWN_HERE | {errno.EPERM, errno.EACCES}


def replace_file(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Make `path` hold `content`, durably: write aside, fsync, rename, fsync the folder.

    The name written aside is fixed, so that a crash leaves at most one stray file, which the next call
    overwrites. One writer per path is assumed. Raises OSError; the old content is then still there.
    """
    aside = path.with_name(f".{path.name}.new")
    with _named(aside), aside.open("wb") as file:
        set_mode(file.fileno(), mode)  # before there is anything to read
        file.write(content)
        file.flush()
        flush_to_disk(file.fileno(), aside)
    aside.replace(path)
    fsync_folder(path.parent)


def flush_to_disk(descriptor: int, path: Path | str, *, dates: bool = True) -> None:
    """Make what an open file or folder holds durable, where the file system offers that.

    Without `dates` only as far as reading the content needs. Raises OSError, which names `path`.
    """
    try:
        with _named(path):
            if dates:
                os.fsync(descriptor)
            else:
                os.fdatasync(descriptor)
    except OSError as error:
        if error.errno not in _UNKNOWN_HERE:
            raise


@contextmanager
def _named(path: Path | str) -> Iterator[None]:
    """An OSError of an open file names no path, or the number of the descriptor: it names `path`."""
    try:
        yield
    except OSError as error:
        if error.filename is None or isinstance(error.filename, int):
            error.filename = str(path)
        raise


def fsync_folder(path: Path) -> None:
    """Make the names in the folder `path` durable; a rename is safe only after this. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        flush_to_disk(descriptor, path)
    finally:
        os.close(descriptor)


def set_mode(path: Path | str | int, mode: int) -> None:
    """Give a file or folder this mode whatever the umask is, where the file system has modes at all.

    Raises OSError for any other refusal; the mode that it was made with then stays.
    """
    try:
        os.chmod(path, mode)  # noqa: PTH101 - an open file has no Path
    except OSError as error:
        if error.errno not in _NO_MODES_HERE:
            raise


def make_folder(path: Path, mode: int = 0o755) -> Path | None:
    """Make the folder `path`, and those above it, if it is not there; what is no folder is moved aside.

    Returns where that lies now; None when nothing stood in the way. Raises OSError.
    """
    moved = None
    if path.is_dir():
        return None
    if os.path.lexists(path):
        moved = move_aside(path)
    path.parent.mkdir(parents=True, exist_ok=True, mode=mode)
    path.mkdir(exist_ok=True)
    set_mode(path, mode)
    return moved


def move_aside(path: Path) -> Path:
    """Rename what lies at `path` to a hidden name beside it, which is returned; an earlier one there goes."""
    aside = path.with_name(f".{path.name}.moved-aside")
    if aside.is_dir() and not aside.is_symlink():
        shutil.rmtree(aside)
    elif path.is_dir():
        aside.unlink(missing_ok=True)
    return path.replace(aside)
