"""The shared volume: where everything lies, and the few ways in which it ever changes.

A version appears by one rename of a complete, fsynced folder and disappears by one rename into the trash; a
reader never sees anything in between. All of it is on one file system, because only there a rename is atomic.
"""

import errno
import os
import re
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from edge_common.atomic_files import flush_to_disk, fsync_folder, make_folder, move_aside, set_mode

from model_sync.bucket.keys import is_model_name
from model_sync.planning.state import StoredVersion
from model_sync.volume.own_files import FOLDER_MODE, OwnFiles
from model_sync.volume.probe import DiskUsage, disk_usage
from model_sync.volume.walk import Walk, files_in, sizes

_VERSION_FOLDER = re.compile(r"[1-9][0-9]{0,9}")
_TRASH_SUFFIXES = ("", *(f"~{number}" for number in range(1, 100)))
_APPEARS_AFTER = (0.01, 0.05, 0.2, 0.5, 1.0, 1.0)
"""Seconds between looks for the files of a folder that was just renamed; FUSE file systems may lag behind."""


class Volume(OwnFiles):
    """Paths and changes of one models folder. Only the holder of its `VolumeLock` may change anything."""

    def __init__(self, root: Path, wait: Callable[[float], None] = time.sleep) -> None:
        """Nothing is touched yet; `wait` lets seconds pass for a file system that lags behind."""
        super().__init__(root)
        self.walk = Walk()
        self.moved_aside: deque[Path] = deque(maxlen=10)
        """Where files lie now that stood where the folder of a model belongs; emptied by who tells it."""
        self._wait = wait

    def version_folder(self, model: str, local_version: int) -> Path:
        """Where the server finds a version."""
        return self.root / model / str(local_version)

    def staging_folder(self, model: str, bucket_version: str) -> Path:
        """Where the downloads for one bucket folder are collected; survives restarts."""
        return self.staging_root / model / bucket_version

    def is_intact(self, model: str, version: StoredVersion) -> bool:
        """Whether the version's folder holds exactly the recorded files, by name and size. Raises OSError."""
        found = self.found_files(model, version.local_version)
        return found == {file.path: file.size for file in version.files}

    def found_files(self, model: str, local_version: int) -> Mapping[str, int] | None:
        """Path -> size of the files in a version's folder; None: there is no such folder. Raises OSError."""
        files = files_in(self.version_folder(model, local_version))
        return None if files is None else sizes(files)

    def publish(self, model: str, local_version: int, tree: Path) -> None:
        """Rename the complete, fsynced folder `tree` into place as `local_version`.

        What nobody recorded and stands in the way goes to the trash first; a file in place of the model's
        folder is moved aside. A model whose folder is gone appears with the version in it, because a server
        that sees it empty lets go of what it has loaded.
        """
        self.before_write()
        target = self.version_folder(model, local_version)
        if target.parent.is_dir():
            self._discard(target)
            tree.rename(target)
            fsync_folder(target.parent)
        else:
            self._publish_with_folder(tree, target)

    def wait_until_seen(self, model: str, version: StoredVersion) -> None:
        """Wait until the folder of a version that was just published shows all of its files.

        Raises OSError when it does not within seconds.
        """
        for pause in _APPEARS_AFTER:
            if self.is_intact(model, version):
                return
            self._wait(pause)
        folder = str(self.version_folder(model, version.local_version))
        raise OSError(errno.EIO, "the folder does not show the files that were renamed with it", folder)

    def _publish_with_folder(self, tree: Path, target: Path) -> None:
        if os.path.lexists(target.parent):
            self.moved_aside.append(move_aside(target.parent))
        aside = self.trash / f"new@{target.parent.name}"
        _remove(aside)
        make_folder(aside, FOLDER_MODE)
        placed = aside / target.name
        tree.rename(placed)
        fsync_folder(aside)
        try:
            aside.rename(target.parent)
        except OSError:
            placed.rename(tree)
            raise
        fsync_folder(self.root)

    def copy_version(self, model: str, local_version: int, tree: Path) -> None:
        """Make `tree` a second copy of a version; files are shared where the file system can.

        Sharing is safe because a published file is never opened for writing again.
        """
        self._discard(tree)
        source = self.version_folder(model, local_version)
        # copytree would fail where nobody may set dates or modes
        for folder, _, names in os.walk(source, onerror=_refused):
            made = tree / Path(folder).relative_to(source)
            make_folder(made, FOLDER_MODE)
            for name in names:
                _link_or_copy(f"{folder}/{name}", f"{made}/{name}")
        for folder, _, _ in os.walk(tree, topdown=False):
            fsync_folder(Path(folder))

    def withdraw(self, model: str, local_version: int, tree: Path) -> None:
        """Take a version's folder away from the server, back to `tree`, for a later try, without its card."""
        self.before_write()
        folder = self.version_folder(model, local_version)
        if folder.exists():
            self._discard(tree)
            make_folder(tree.parent, FOLDER_MODE)
            folder.rename(tree)
            fsync_folder(folder.parent)
        self.save_card(model, local_version, None)

    def delete(self, model: str, local_version: int) -> None:
        """Delete a version that the server has let go of; its card goes with it."""
        self.before_write()
        self._discard(self.version_folder(model, local_version))
        self.save_card(model, local_version, None)
        self.empty_trash()

    def delete_staging(self, model: str, bucket_version: str) -> None:
        """Delete what was downloaded for a bucket folder."""
        shutil.rmtree(self.staging_folder(model, bucket_version), ignore_errors=True)

    def forget_model(self, model: str) -> None:
        """Remove the empty folders of a model of which nothing is left."""
        for folder in (self.root / model, self.staging_root / model):
            try:
                folder.rmdir()
            except FileNotFoundError:
                continue
            except OSError as error:
                if error.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}:
                    self.walk.leave_alone(folder, error)

    def forget_empty_models(self) -> None:
        """`forget_model` for all that a process left which was killed before it came to that."""
        found = (*self.walk.folders(self.root), *self.walk.folders(self.staging_root))
        ours = (folder for folder in found if folder.lstat().st_uid == os.geteuid())
        for model in sorted({folder.name for folder in ours if is_model_name(folder.name)}):
            self.forget_model(model)

    def staged_uploads(self) -> Iterator[tuple[str, str]]:
        """Model and bucket version of every staging folder."""
        for model in self.walk.folders(self.staging_root):
            for bucket_version in self.walk.folders(model):
                yield model.name, bucket_version.name

    def stored_versions(self) -> Iterator[tuple[str, int]]:
        """Model and local version of every version folder on the volume, recorded or not."""
        for model in self.walk.folders(self.root):
            if not model.name.startswith("."):
                for folder in self.walk.folders(model):
                    if _VERSION_FOLDER.fullmatch(folder.name):
                        yield model.name, int(folder.name)

    def empty_trash(self) -> None:
        """Delete what was renamed out of the way, also by a process that was killed before deleting it."""
        for entry in self.walk.entries(self.trash):
            _remove(entry)

    def usage(self) -> DiskUsage | None:
        """What fits on the file system; None when it does not tell. Raises OSError."""
        return disk_usage(self.root)

    def _discard(self, folder: Path) -> None:
        # a rename first: deleting in place would show the server a folder that loses file after file
        if not os.path.lexists(folder):
            return
        name = f"{folder.parent.name}@{folder.name}"
        for trash in (self.trash / f"{name}{suffix}" for suffix in _TRASH_SUFFIXES):
            _remove(trash)
            if not os.path.lexists(trash):  # else somebody holds a file in it
                break
        folder.rename(trash)
        fsync_folder(folder.parent)


def _refused(error: OSError) -> None:
    raise error


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
        set_mode(target, 0o644)
        with Path(target).open("rb") as file:
            flush_to_disk(file.fileno(), target)


def _remove(path: Path) -> None:
    # somebody may have put a file or a link where a folder should be
    try:
        if path.is_symlink() or not path.is_dir():
            path.unlink(missing_ok=True)
        else:
            shutil.rmtree(path, ignore_errors=True)
    except OSError:
        return  # what is in the trash and held by somebody goes with the next look
