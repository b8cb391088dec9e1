"""What `doctor` looks for on the volume. Each check tells what it saw and, where that is bad, what to do."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from edge_common.errors import FatalError
from edge_common.quantities import format_size

from model_sync.model_server.config import configured_versions, format_config
from model_sync.planning.disk_budget import least_free
from model_sync.planning.state import State
from model_sync.volume.lock import VolumeLock
from model_sync.volume.probe import Lack, probe_volume
from model_sync.volume.volume import Volume

_LITTLE_SPACE = 1024**3
_LITTLE_PART = 10
_FEW = 5
_MOUNTS = Path("/proc/self/mountinfo")


def models_folder(volume: Volume) -> tuple[str, str]:
    """Whether the folder is there and ours to write; raises FatalError with the advice."""
    volume.prepare()
    return f"{volume.root} can be written", ""


def abilities(volume: Volume) -> Iterator[Lack]:
    """What the volume lacks of what models are published with, found by trying it."""
    yield from probe_volume(volume.root, volume.own / "doctor")


def foreign_folders(volume: Volume) -> tuple[str, str]:
    """Whether folders lie there that cannot be read, such as `lost+found`; they are left alone."""
    for _ in volume.stored_versions():
        pass
    names = [str(path.relative_to(volume.root)) for path in volume.walk.left_alone]
    if not names:
        return "every folder can be read", ""
    shown = ", ".join(names[:_FEW]) + (f" and {len(names) - _FEW} more" if len(names) > _FEW else "")
    return (
        f"{shown} cannot be read, and is left alone",
        "nothing, unless a model should lie there: then give it to this user",
    )


def config_file(volume: Volume) -> tuple[str, str]:
    """Whether config.json is ours, and can be replaced by a rename."""
    path = volume.config_path
    try:
        about = path.lstat()
    except FileNotFoundError:
        return "is not there yet; the sidecar writes it", ""
    if not stat.S_ISREG(about.st_mode) or str(path) in mount_points(_mountinfo()):
        return (
            "is a mount or no plain file, so it cannot be replaced",
            f"mount the folder {volume.root} instead of the file, and remove what lies at {path}",
        )
    folder = path.parent.stat()
    if not may_replace(os.geteuid(), about.st_uid, folder.st_uid, folder.st_mode):
        return (
            f"belongs to user {about.st_uid}, and the folder lets only that user replace it",
            f"chown it to user {os.geteuid()}, or remove it",
        )
    content = path.read_bytes()
    if not configured_versions(content) and content != format_config(State(), volume.root):
        return (
            "was not written by model-sync, which replaces it when it starts",
            f"move {path} away, and upload its models to the bucket",
        )
    try:
        volume.load_state()
    except FatalError as error:
        return f"is ours, but {error}; the next start builds the state from the folders", ""
    return "is ours and can be replaced", ""


def space(volume: Volume, min_free: int | None) -> tuple[str, str]:
    """Whether something still fits; `min_free` None: what suits the size of the volume."""
    usage = volume.usage()
    if usage is None:
        return "the file system does not tell; no limit is assumed", ""
    kept = least_free(usage.total, min_free)
    little = min(_LITTLE_SPACE, usage.total // _LITTLE_PART)
    advice = "make the volume larger, or remove models" if usage.free < max(little, kept) else ""
    return f"{format_size(usage.free)} free, {format_size(kept)} of them are never used", advice


def writer(volume: Volume) -> tuple[str, str]:
    """Who writes to the volume; a running sidecar does, and that is no mistake."""
    lock = VolumeLock(volume.lock_path)
    if lock.try_acquire():
        lock.release()
        return "free: no other sidecar writes", ""
    return "another sidecar writes to this volume, as it should while one runs", ""


def mount_points(mountinfo: str) -> frozenset[str]:
    """The fifth field of each line of /proc/self/mountinfo (proc(5)); spaces are octal escapes there."""
    fields = (line.split() for line in mountinfo.splitlines())
    return frozenset(entry[4].replace("\\040", " ") for entry in fields if len(entry) > 4)  # noqa: PLR2004 - its place


def _mountinfo() -> str:
    try:
        return _MOUNTS.read_text()
    except OSError:
        return ""  # not on Linux; a mount is then found when the file is replaced


def may_replace(user: int, file_owner: int, folder_owner: int, folder_mode: int) -> bool:
    """Whether `user` may rename another file over this one: a sticky folder restricts it (unlink(2))."""
    return not folder_mode & stat.S_ISVTX or user in {0, file_owner, folder_owner}
