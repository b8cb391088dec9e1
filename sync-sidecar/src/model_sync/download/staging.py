"""Where one upload is collected until it is complete: resumable, and never fetched twice.

    <staging>/<model>/<source>/upload.json   which objects the files in tree/ are
    <staging>/<model>/<source>/tree/...      complete files, as the version will look
    <staging>/<model>/<source>/parts/...     files on their way, named by object and ETag, and their journals
    <staging>/<model>/<source>/copy/...      a published version on its way to another number

A file is in `tree` only when it is complete, verified and fsynced. When the upload changes, the files whose
objects did not change stay.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from edge_common.atomic_files import flush_to_disk, fsync_folder, make_folder, replace_file, set_mode

from model_sync.bucket.catalog import UploadObject
from model_sync.download.part_journal import SUFFIX as JOURNAL_SUFFIX
from model_sync.download.part_journal import journal_path

_FOLDER_MODE = 0o755


class Staging:
    """The staging folder of one bucket folder."""

    def __init__(self, folder: Path) -> None:
        """`folder` is created by `prepare`."""
        self.folder = folder
        self.tree = folder / "tree"
        self.copy = folder / "copy"
        self._parts = folder / "parts"
        self._index = folder / "upload.json"

    @property
    def fingerprint(self) -> str | None:
        """Of the upload that was collected here last; None when that is not known."""
        return self._load_index()[0]

    def prepare(self, files: Sequence[UploadObject], fingerprint: str) -> list[UploadObject]:
        """Make room for the upload that consists of `files`; returns those still to be fetched.

        What belongs to an earlier state of the upload is deleted first, so that a kill in between leaves
        less, never something wrong. What is not as it was left is deleted as well. Raises OSError.
        """
        try:
            return self._prepare(files, fingerprint)
        except (FileExistsError, NotADirectoryError, IsADirectoryError, PermissionError):
            self.remove()
            return self._prepare(files, fingerprint)

    def _prepare(self, files: Sequence[UploadObject], fingerprint: str) -> list[UploadObject]:
        for folder in (self.folder.parent, self.folder, self.tree, self._parts):
            make_folder(folder, _FOLDER_MODE)
        _, known = self._load_index()
        wanted = {file.path: [file.size, file.state] for file in files}
        kept = set()
        for path in [path for path in self.tree.rglob("*") if path.is_symlink() or not path.is_dir()]:
            name = str(path.relative_to(self.tree))
            size = wanted[name][0] if name in wanted and known.get(name) == wanted[name] else None
            if size is not None and path.lstat().st_size == size:
                kept.add(name)
            else:
                path.unlink()
        self._remove_empty_folders()
        begun = list(self._parts.iterdir())
        needed_parts = {self.part_path(file).name for file in files} if begun else set()
        for part in begun:
            if part.name.removesuffix(JOURNAL_SUFFIX) not in needed_parts:
                part.unlink()
        replace_file(self._index, json.dumps({"fingerprint": fingerprint, "files": wanted}).encode())
        return [file for file in files if file.path not in kept]

    def part_path(self, file: UploadObject) -> Path:
        """Where the bytes of `file` are collected; another object or ETag has another place."""
        return self._parts / _part_name(file)

    def place(self, file: UploadObject, content: bytes) -> None:
        """Put the whole, verified `content` of `file` into the tree, flushed before it has its name there."""
        part = f"{self._parts}/{_part_name(file)}"
        with open(part, "wb") as written:  # noqa: PTH123 - see `_move_to_tree`
            written.write(content)
            written.flush()
            flush_to_disk(written.fileno(), part)
        self._move_to_tree(file, part)

    def accept(self, file: UploadObject) -> None:
        """Move the complete, fsynced part of `file` into the tree."""
        part = self.part_path(file)
        self._move_to_tree(file, str(part))
        journal_path(part).unlink(missing_ok=True)

    def _move_to_tree(self, file: UploadObject, part: str) -> None:
        # texts instead of paths: there may be many thousand files, and a path costs more than the rename
        target = f"{self.tree}/{file.path}"
        if "/" in file.path:
            Path(target).parent.mkdir(parents=True, exist_ok=True, mode=_FOLDER_MODE)
        os.replace(part, target)  # noqa: PTH105 - as above

    def drop(self, file: UploadObject) -> None:
        """Forget what was fetched of `file`."""
        (self.tree / file.path).unlink(missing_ok=True)
        part = self.part_path(file)
        part.unlink(missing_ok=True)
        journal_path(part).unlink(missing_ok=True)

    def seal(self) -> None:
        """Make the names of all folders in the tree durable, and everything readable for the server."""
        for folder, _, names in os.walk(self.tree, topdown=False):
            for name in names:
                set_mode(f"{folder}/{name}", 0o644)
            set_mode(folder, _FOLDER_MODE)
            fsync_folder(Path(folder))

    def remove(self) -> None:
        """Delete everything."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _load_index(self) -> tuple[str | None, dict[str, list[object]]]:
        try:
            index = json.loads(self._index.read_bytes())
            return str(index["fingerprint"]), dict(index["files"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None, {}

    def _remove_empty_folders(self) -> None:
        for folder, _, _ in os.walk(self.tree, topdown=False):
            if Path(folder) != self.tree and not any(Path(folder).iterdir()):
                Path(folder).rmdir()


def _part_name(file: UploadObject) -> str:
    return hashlib.sha256(f"{file.key}\0{file.state}".encode()).hexdigest()[:32]


def staged_bytes(folder: Path) -> int:
    """Bytes that lie below a staging folder, complete or not; 0 when there is none."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # a fetch renames its files meanwhile
            total += path.lstat().st_size if not path.is_dir() else 0
    return total
