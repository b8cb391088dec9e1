"""What a volume can do, tried once: some refuse, or only pretend to do, what models are published with."""

import errno
import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from model_sync.volume.lock import no_locks

_PAUSES = (0.01, 0.05, 0.2, 0.5, 1.0, 1.0)
_NOT_TOLD = frozenset({errno.ENOSYS, errno.ENOTSUP, errno.EPERM, errno.EACCES})
_READABLE, _OPEN_FOLDER = 0o044, 0o055
"""What others need, such as a model server that runs as another user."""


@dataclass(frozen=True)
class Lack:
    """Something that the volume does not do, and what that means; `fatal`: without it nothing is served."""

    what: str
    sentence: str
    fatal: bool = False


@dataclass(frozen=True)
class DiskUsage:
    """Bytes of a file system: all, and those that can still be written."""

    total: int
    free: int


def disk_usage(root: Path) -> DiskUsage | None:
    """The size of the file system; None when it tells none, or one that cannot be. Raises OSError."""
    try:
        told = os.statvfs(root)
    except OSError as error:
        if error.errno in _NOT_TOLD:
            return None
        raise
    total, free = told.f_blocks * told.f_frsize, told.f_bavail * told.f_frsize
    return DiskUsage(total, free) if total > 0 and 0 <= free <= total else None


def probe_volume(root: Path, folder: Path, wait: Callable[[float], None] = time.sleep) -> list[Lack]:
    """What the volume `root` lacks, tried in `folder` on it, which is made for that and removed.

    Takes some milliseconds; `wait` lets seconds pass where a renamed folder shows its files late.
    """
    target = root / f".{folder.name}"
    for leftover in (folder, target):
        shutil.rmtree(leftover, ignore_errors=True)
    lacks: list[Lack] = []
    try:
        folder.mkdir(parents=True)
        for look in (_files, _parts, _names, _renamed_file, _modes, _flushing, _locks):
            lacks += look(folder)
        lacks += _renamed_folder(folder, target, wait)
    except OSError as error:
        path = error.filename or folder
        lacks.append(Lack("files", f"cannot write {path}: {error.strerror}; make it writable", fatal=True))
    finally:
        for leftover in (folder, target):
            shutil.rmtree(leftover, ignore_errors=True)
    return lacks + list(_space(root))


def _files(folder: Path) -> Iterator[Lack]:
    file = folder / "written"
    file.write_bytes(b"written")
    if file.read_bytes() != b"written" or file.stat().st_size != len(b"written"):
        advice = "put the models folder on another file system"
        yield Lack("files", f"{folder} does not hold what is written to it; {advice}", fatal=True)


def _parts(folder: Path) -> Iterator[Lack]:
    with _opened(folder / "parts", os.O_RDWR | os.O_CREAT) as descriptor:
        try:
            os.ftruncate(descriptor, 2)
            for offset in (1, 0):
                os.pwrite(descriptor, b"x", offset)
        except OSError as error:
            told = f"files in {folder.parent} cannot be written part by part ({error.strerror})"
            yield Lack("files", f"{told}; put the models folder on another file system", fatal=True)


def _names(folder: Path) -> Iterator[Lack]:
    told = ""
    try:
        accent = folder / "\u00e4"
        accent.touch()
        if accent not in folder.iterdir():
            told = "writes accents in names otherwise"
    except OSError as error:
        told = f"takes no accents in names ({error.strerror})"
    if (folder / "WRITTEN").exists():
        told = "takes names that differ in capitals alone for the same"
    if told:
        advice = "name the files and folders of models in plain small letters"
        yield Lack("names", f"{folder.parent} {told}; {advice}, or versions may never be published")


def _renamed_file(folder: Path) -> Iterator[Lack]:
    old, new = folder / "old", folder / "new"
    old.write_bytes(b"old")
    new.write_bytes(b"new")
    try:
        new.replace(old)
    except OSError as error:
        yield _no_rename("a file", folder, error.strerror)
        return
    if old.read_bytes() != b"new" or new.exists():
        yield _no_rename("a file", folder, "the old one is still there")


def _renamed_folder(folder: Path, target: Path, wait: Callable[[float], None]) -> Iterator[Lack]:
    (folder / "below").mkdir()
    (folder / "below" / "file").write_bytes(b"x")
    try:
        folder.rename(target)
    except OSError as error:
        yield _no_rename("a folder", target.parent, error.strerror)
        return
    for pause in _PAUSES:
        if (target / "below" / "file").is_file() and not folder.exists():
            if pause > _PAUSES[0]:
                told = f"a folder renamed within {target.parent} shows its files late"
                yield Lack("renaming", f"{told}; versions are listed when theirs are seen")
            return
        wait(pause)
    yield _no_rename("a folder", target.parent, "its files are not seen")


def _no_rename(what: str, where: Path, why: str | None) -> Lack:
    advice = "put the whole models folder on one file system that can rename folders"
    sentence = f"{what} cannot be renamed within {where} ({why}); {advice}"
    return Lack("renaming", sentence, fatal=True)


def _modes(folder: Path) -> Iterator[Lack]:
    file = folder / "written"
    for path, mode, needed in ((file, 0o644, _READABLE), (folder, 0o755, _OPEN_FOLDER)):
        refusal = ""
        try:
            path.chmod(mode)
        except OSError as error:
            refusal = f" ({error.strerror})"
        if path.stat().st_mode & needed != needed:
            told = f"what is written to {folder.parent} is for user {os.geteuid()} alone{refusal}"
            yield Lack("modes", f"{told}; run the model server as that user, or mount the volume readable")
            return


def _flushing(folder: Path) -> Iterator[Lack]:
    names = ("names of files", folder, os.O_RDONLY | os.O_DIRECTORY)
    for what, path, flags in (("files", folder / "written", os.O_RDWR), names):
        with _opened(path, flags) as descriptor:
            try:
                os.fsync(descriptor)
            except OSError as error:
                told = f"{what} in {folder.parent} cannot be flushed ({error.strerror})"
                meaning = "after a power loss, what was written last may be fetched again"
                yield Lack("flushing", f"{told}; {meaning}")


def _locks(folder: Path) -> Iterator[Lack]:
    path = folder / "lock"
    with _opened(path, os.O_RDWR | os.O_CREAT) as descriptor:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            yield Lack("locks", no_locks(path, error), fatal=True)


def _space(root: Path) -> Iterator[Lack]:
    if disk_usage(root) is None:
        told = f"the file system of {root} does not tell how much fits"
        yield Lack("space", f"{told}; no limit is assumed, set MODEL_SYNC_MAX_BYTES to have one")


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags, 0o644)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
