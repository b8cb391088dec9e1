"""What lies in folders that others may use, too: each that refuses to be read concerns only itself."""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from edge_common.logs import get_logger

_log = get_logger()

_MADE_BY_FILE_SYSTEMS = re.compile(
    r"\.nfs[0-9a-fA-F]{8,}|\.fuse_hidden[0-9a-fA-F]+|\.DS_Store|Thumbs\.db|@eaDir|\.snapshot"
)
"""Names that appear by themselves, such as an open file that was deleted on NFS ("silly rename")."""

_NO_FILE = -1
"""The size of a link or a device, which is never what was written."""


class FileFacts(NamedTuple):
    """What is cheap to see of a file; a link or a device has a size that no file has."""

    size: int
    modified_ns: int
    inode: int


Files = Mapping[str, FileFacts]
"""Path below a version's folder -> facts of what lies there."""


class Walk:
    """Lists folders. What cannot be read is left alone, and told once."""

    def __init__(self) -> None:
        """Nothing was told yet."""
        self.left_alone: dict[Path, str] = {}
        """Folder -> why it was not looked into."""

    def entries(self, folder: Path) -> list[Path]:
        """What lies in `folder`, in order; nothing when it cannot be read or is no folder."""
        try:
            return sorted(folder.iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            self.leave_alone(folder, error)
            return []

    def folders(self, folder: Path) -> list[Path]:
        """The folders in `folder`; links are none."""
        return [entry for entry in self.entries(folder) if self._is_folder(entry)]

    def leave_alone(self, path: Path, error: OSError) -> None:
        """Note, and tell once, that `path` is not looked into."""
        reason = error.strerror or str(error)
        if self.left_alone.get(path) != reason:
            self.left_alone[path] = reason
            _log.warning("folder_left_alone", path=str(path), reason=reason)

    def _is_folder(self, entry: Path) -> bool:
        try:
            return stat.S_ISDIR(entry.lstat().st_mode)
        except OSError as error:
            self.leave_alone(entry, error)
            return False


def files_in(folder: Path | str) -> Files | None:
    """Everything in and below `folder` that is no folder; None when there is no such folder.

    What file systems put there by themselves does not count. Raises OSError when it cannot be read.
    """
    try:
        if not stat.S_ISDIR(os.lstat(folder).st_mode):
            return None
    except (FileNotFoundError, NotADirectoryError):
        return None
    found: dict[str, FileFacts] = {}
    _look_below(folder, "", found)
    return dict(sorted(found.items()))


def sizes(files: Files) -> dict[str, int]:
    """Path -> size."""
    return {path: facts.size for path, facts in files.items()}


def _look_below(folder: Path | str, prefix: str, found: dict[str, FileFacts]) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            if _MADE_BY_FILE_SYSTEMS.fullmatch(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False):
                _look_below(entry.path, f"{prefix}{entry.name}/", found)
                continue
            seen = entry.stat(follow_symlinks=False)
            size = seen.st_size if stat.S_ISREG(seen.st_mode) else _NO_FILE
            found[prefix + entry.name] = FileFacts(size, seen.st_mtime_ns, seen.st_ino)
