"""What the sidecar writes for itself, for other pods and for the server: folders, state, config.json, cards.

All of it is on one file system with the models, because only there a rename is atomic.
"""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from edge_common.atomic_files import make_folder, move_aside, replace_file
from edge_common.errors import FatalError

from model_sync.model_server.config import configured_versions
from model_sync.planning.state import State
from model_sync.planning.state_json import HEAD_BYTES, state_from_json, state_to_json, writer_in

FOLDER_MODE = 0o755
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_NOT_OURS = frozenset({errno.EACCES, errno.EPERM})

Facts = tuple[int, int, int, int]
"""Inode, size, time of change in nanoseconds, kind and mode."""


class OwnFiles:
    """The files of our own in one models folder. Only the holder of its `VolumeLock` may change anything."""

    before_write: Callable[[], object] = staticmethod(bool)
    """Called ahead of what concerns the server or the record; raises OSError to prevent it."""

    def __init__(self, root: Path) -> None:
        """Nothing is touched yet."""
        self.root = root
        self.config_path = root / "config.json"
        self.own = root / ".model-sync"
        self.trash = self.own / "trash"
        self.state_path = self.own / "state.json"
        self.lock_path = self.own / "lock"
        self.staging_root = self.own / "staging"
        """Where everything that is not published yet lies."""
        self.uploads_root = self.own / "uploads"
        """Where what is uploaded over HTTP is unpacked and checked; nothing in it outlives that."""
        self.replicas_folder = self.own / "replicas"
        """Where the pods on this volume tell what their servers serve."""
        self._device: int | None = None

    def prepare(self) -> None:
        """Create our own folders.

        Raises FatalError when the models folder is missing, read-only, or not ours to write.
        """
        if not self.root.is_dir():
            raise FatalError(
                f"the models folder {self.root} does not exist; "
                "mount the volume there or set MODEL_SYNC_MODELS_DIR"
            )
        try:
            self.make_folders()
        except OSError as error:
            raise FatalError(
                f"cannot write to the models folder {self.root}: {error.strerror} ({error.filename}); "
                "it must be writable for this user (in a pod: fsGroup)"
            ) from error
        self._device = self.root.stat().st_dev

    def make_folders(self) -> list[str]:
        """Make our own folders where they are missing; returns the names of those. Raises OSError."""
        if not self.root.is_dir():
            raise FileNotFoundError(errno.ENOENT, "the models folder is gone", str(self.root))
        folders = (self.own, self.staging_root, self.trash, self.own / "cards")
        missing = [folder for folder in folders if not folder.is_dir()]
        for folder in missing:
            make_folder(folder, FOLDER_MODE)
        return [folder.name for folder in missing]

    @property
    def is_another(self) -> bool:
        """Whether another file system is at the models folder than when it was prepared, or none."""
        try:
            return self.root.stat().st_dev != self._device
        except OSError:
            return True

    def load_state(self) -> State | None:
        """The recorded state; None when there is none. Raises FatalError when it is unreadable."""
        if not os.path.lexists(self.state_path):
            return None
        try:
            return state_from_json(read_plain(self.state_path))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise FatalError(f"{self.state_path} cannot be read: {error.strerror}") from error

    def recorded_writer(self) -> int | None:
        """The fencing token in state.json, as it is now; None where there is none to be read. Raises OSError.

        The file is opened, which a network file system answers from the server and not from a cache.
        """
        with suppress(FileNotFoundError, IsADirectoryError, PermissionError):
            return writer_in(read_plain(self.state_path, HEAD_BYTES))
        return None

    def save_state(self, state: State) -> None:
        """Record `state`, durably, before it is acted upon."""
        self.replace(self.state_path, state_to_json(state))

    def set_aside_state(self) -> Path:
        """Keep an unreadable state.json for a person to look at; returns its new place."""
        aside = self.state_path.with_name("state.json.unreadable")
        self.state_path.replace(aside)
        return aside

    def claim(self) -> None:
        """Note that the version folders here are ours: what state.json does not know is no person's own."""
        if not self.is_claimed:
            replace_file(self.own / "claimed", b"")

    @property
    def is_claimed(self) -> bool:
        """Whether a sidecar has taken over this volume before."""
        return (self.own / "claimed").exists()

    @property
    def is_in_use(self) -> bool:
        """Whether config.json lists models, as it does where a sidecar has been at work. Raises OSError."""
        return bool(configured_versions(self.load_config() or b""))

    def load_config(self) -> bytes | None:
        """The text of config.json; None when there is none that can be read. Raises OSError."""
        with suppress(FileNotFoundError, IsADirectoryError, PermissionError):
            return read_plain(self.config_path)
        return None

    def save_config(self, content: bytes) -> None:
        """Replace config.json, which the server may be reading at this moment."""
        self.replace(self.config_path, content)

    def save_card(self, model: str, local_version: int, card: bytes | None) -> None:
        """Keep the effective card (JSON) of a version beside the state; None: it has none."""
        self.before_write()
        path = self.own / "cards" / f"{model}@{local_version}.json"
        if card is None:
            path.unlink(missing_ok=True)
        elif self.load_card(model, local_version) != card:
            self.replace(path, card)

    def load_card(self, model: str, local_version: int) -> bytes | None:
        """The effective card (JSON) of a version; None when it has none."""
        with suppress(FileNotFoundError, IsADirectoryError):
            return read_plain(self.own / "cards" / f"{model}@{local_version}.json")
        return None

    def card_facts(self, model: str, local_version: int) -> Facts | None:
        """What changes with the card kept for a version; None when there is none. Raises OSError."""
        return facts_of(f"{self.own}/cards/{model}@{local_version}.json")

    def replace(self, path: Path, content: bytes) -> None:
        """Make a file of our own hold `content`. Raises OSError; the old one is then still there."""
        self.before_write()
        if path.is_dir():
            move_aside(path)
        replace_file(path, content)


def facts_of(path: str | Path) -> Facts | None:
    """What changes with a file's content or place; None when there is none. Raises OSError."""
    try:
        seen = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_mode


def read_plain(path: Path, most: int = -1) -> bytes:
    """The first `most` bytes of a plain file, or all; IsADirectoryError for what may never end."""
    if os.path.lexists(path) and not path.is_file():
        raise IsADirectoryError(errno.EISDIR, "it is no plain file", str(path))
    with path.open("rb") as file:
        return file.read(most)


def refusal(error: OSError) -> str:
    """What happened, to which path, and what to do; begins with "cannot write to the volume"."""
    where = error.filename2 or error.filename
    what = f"cannot write to the volume: {error.strerror or error}" + (f" ({where})" if where else "")
    if error.errno in _NO_ROOM:
        return f"{what}; make room or mend it, then it goes on"
    if error.errno in _NOT_OURS:
        return f"{what}; give that to user {os.geteuid()} or take it away, then it goes on"
    return f"{what}; mend that or take it away, then it goes on"
