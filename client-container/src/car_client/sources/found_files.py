"""What lies in a folder: picture files as they are now, and what is left aside."""

import os
import stat
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from edge_common.pictures.decode import SUFFIXES

_MOST_FILES = 100_000
_MOST_DEPTH = 16


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
