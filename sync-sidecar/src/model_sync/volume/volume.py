"""The shared volume: where everything lies, and the few ways in which it ever changes.

A version appears by one rename of a complete, fsynced folder and disappears by one rename into the trash; a
reader never sees anything in between. All of it is on one file system, because only there a rename is atomic.
"""

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from edge_common.atomic_files import fsync_folder, replace_file
from edge_common.errors import FatalError

from model_sync.bucket.keys import is_model_name
from model_sync.planning.state import State, StoredVersion, state_from_json, state_to_json

_FOLDER_MODE = 0o755
_VERSION_FOLDER = re.compile(r"[1-9][0-9]{0,9}")


class Volume:
    """Paths and changes of one models folder. Only the holder of its `VolumeLock` may change anything."""

    def __init__(self, root: Path) -> None:
        """Nothing is touched yet."""
        self.root = root
        self.config_path = root / "config.json"
        self._own = root / ".model-sync"
        self._state_path = self._own / "state.json"
        self.lock_path = self._own / "lock"

    def prepare(self) -> None:
        """Create our own folders.

        Raises FatalError when the models folder is missing, read-only, or not ours to write.
        """
        try:
            for folder in (self._own, self._own / "staging", self._own / "trash", self._own / "cards"):
                folder.mkdir(exist_ok=True, mode=_FOLDER_MODE)
        except FileNotFoundError as error:
            raise FatalError(
                f"the models folder {self.root} does not exist; "
                "mount the volume there or set MODEL_SYNC_MODELS_DIR"
            ) from error
        except OSError as error:
            raise FatalError(
                f"cannot write to the models folder {self.root}: {error.strerror}; "
                "it must be writable for this user (in a pod: fsGroup)"
            ) from error

    def load_state(self) -> State | None:
        """The recorded state; None when there is none. Raises FatalError when it is unreadable."""
        try:
            return state_from_json(self._state_path.read_bytes())
        except FileNotFoundError:
            return None

    def save_state(self, state: State) -> None:
        """Record `state`, durably, before it is acted upon."""
        replace_file(self._state_path, state_to_json(state))

    def set_aside_state(self) -> Path:
        """Keep an unreadable state.json for a person to look at; returns its new place."""
        aside = self._state_path.with_name("state.json.unreadable")
        self._state_path.replace(aside)
        return aside

    def claim(self) -> None:
        """Note that the version folders here are ours: what state.json does not know is no person's own."""
        if not self.is_claimed:
            replace_file(self._own / "claimed", b"")

    @property
    def is_claimed(self) -> bool:
        """Whether a sidecar has taken over this volume before."""
        return (self._own / "claimed").exists()

    def load_config(self) -> bytes | None:
        """The text of config.json; None when there is none."""
        try:
            return self.config_path.read_bytes()
        except FileNotFoundError:
            return None

    def save_config(self, content: bytes) -> None:
        """Replace config.json, which the server may be reading at this moment."""
        replace_file(self.config_path, content)

    def save_card(self, model: str, local_version: int, card: bytes | None) -> None:
        """Keep the effective card (JSON) of a version beside the state; None: it has none."""
        path = self._own / "cards" / f"{model}@{local_version}.json"
        if card is None:
            path.unlink(missing_ok=True)
        elif not path.exists() or path.read_bytes() != card:
            replace_file(path, card)

    def load_card(self, model: str, local_version: int) -> bytes | None:
        """The effective card (JSON) of a version; None when it has none."""
        try:
            return (self._own / "cards" / f"{model}@{local_version}.json").read_bytes()
        except FileNotFoundError:
            return None

    @property
    def replicas_folder(self) -> Path:
        """Where the pods on this volume tell what their servers serve."""
        return self._own / "replicas"

    @property
    def staging_root(self) -> Path:
        """Where everything that is not published yet lies."""
        return self._own / "staging"

    def version_folder(self, model: str, local_version: int) -> Path:
        """Where the server finds a version."""
        return self.root / model / str(local_version)

    def staging_folder(self, model: str, bucket_version: str) -> Path:
        """Where the downloads for one bucket folder are collected; survives restarts."""
        return self._own / "staging" / model / bucket_version

    def is_intact(self, model: str, version: StoredVersion) -> bool:
        """Whether the version's folder holds exactly the recorded files, by name and size."""
        found = self.found_files(model, version.local_version)
        return found == {file.path: file.size for file in version.files}

    def found_files(self, model: str, local_version: int) -> Mapping[str, int] | None:
        """Path -> size of the files in a version's folder; None when there is no such folder."""
        folder = self.version_folder(model, local_version)
        if not folder.is_dir():
            return None
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): path.stat().st_size for path in files}

    def publish(self, model: str, local_version: int, tree: Path) -> None:
        """Rename the complete, fsynced folder `tree` into place as `local_version`.

        A folder that nobody recorded and that stands in the way goes to the trash first.
        """
        target = self.version_folder(model, local_version)
        if not target.parent.exists():
            target.parent.mkdir(mode=_FOLDER_MODE)
            fsync_folder(self.root)
        self._discard(target)
        tree.rename(target)
        fsync_folder(target.parent)

    def copy_version(self, model: str, local_version: int, tree: Path) -> None:
        """Make `tree` a second copy of a version; files are shared where the file system can.

        Sharing is safe because a published file is never opened for writing again.
        """
        self._discard(tree)
        shutil.copytree(self.version_folder(model, local_version), tree, copy_function=_link_or_copy)
        for folder, _, _ in os.walk(tree, topdown=False):
            fsync_folder(Path(folder))

    def withdraw(self, model: str, local_version: int, tree: Path) -> None:
        """Take a version's folder away from the server, back to `tree`, for a later try, without its card."""
        folder = self.version_folder(model, local_version)
        if folder.exists():
            self._discard(tree)
            tree.parent.mkdir(parents=True, exist_ok=True, mode=_FOLDER_MODE)
            folder.rename(tree)
            fsync_folder(folder.parent)
        self.save_card(model, local_version, None)

    def delete(self, model: str, local_version: int) -> None:
        """Delete a version that the server has let go of; its card goes with it."""
        self._discard(self.version_folder(model, local_version))
        self.save_card(model, local_version, None)
        self.empty_trash()

    def delete_staging(self, model: str, bucket_version: str) -> None:
        """Delete what was downloaded for a bucket folder."""
        shutil.rmtree(self.staging_folder(model, bucket_version), ignore_errors=True)

    def forget_model(self, model: str) -> None:
        """Remove the empty folders of a model of which nothing is left."""
        for folder in (self.root / model, self._own / "staging" / model):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()

    def forget_empty_models(self) -> None:
        """`forget_model` for all that a process left which was killed before it came to that."""
        for folder in sorted([*self.root.iterdir(), *(self._own / "staging").iterdir()]):
            if is_model_name(folder.name):
                self.forget_model(folder.name)

    def staged_uploads(self) -> Iterator[tuple[str, str]]:
        """Model and bucket version of every staging folder."""
        for model in sorted((self._own / "staging").iterdir()):
            for bucket_version in sorted(model.iterdir()):
                yield model.name, bucket_version.name

    def stored_versions(self) -> Iterator[tuple[str, int]]:
        """Model and local version of every version folder on the volume, recorded or not."""
        for model in sorted(self.root.iterdir()):
            if model.is_dir() and not model.name.startswith("."):
                for folder in sorted(model.iterdir()):
                    if folder.is_dir() and _VERSION_FOLDER.fullmatch(folder.name):
                        yield model.name, int(folder.name)

    def empty_trash(self) -> None:
        """Delete what was renamed out of the way, also by a process that was killed before deleting it."""
        for entry in (self._own / "trash").iterdir():
            _remove(entry)

    def total_bytes(self) -> int:
        """The size of the file system."""
        usage = os.statvfs(self.root)
        return usage.f_blocks * usage.f_frsize

    def free_bytes(self) -> int:
        """Bytes that can still be written."""
        usage = os.statvfs(self.root)
        return usage.f_bavail * usage.f_frsize

    def _discard(self, folder: Path) -> None:
        # a rename first: deleting in place would show the server a folder that loses file after file
        if os.path.lexists(folder):
            trash = self._own / "trash" / f"{folder.parent.name}@{folder.name}"
            _remove(trash)
            folder.rename(trash)
            fsync_folder(folder.parent)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
        with Path(target).open("rb") as file:
            os.fsync(file.fileno())


def _remove(path: Path) -> None:
    # somebody may have put a file or a link where a folder should be
    if path.is_symlink() or path.is_file():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)
