"""The first things after a start: become the volume's one writer, then see what is really on it.

The lock is a POSIX record lock: the kernel drops it when its holder dies however it dies, and it works on the
network file systems that ReadWriteMany volumes are made of.
"""

import fcntl
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from edge_common.errors import FatalError
from edge_common.logs import get_logger

from model_sync.bucket.keys import is_model_name
from model_sync.download.object_download import digest_file
from model_sync.model_server.config import configured_versions
from model_sync.planning.state import DAMAGED, UNKNOWN, ModelState, State, StoredFile, StoredVersion
from model_sync.volume.volume import Volume

_MODE = 0o644


class VolumeLock:
    """Held from `try_acquire` until `release`, or until the process ends."""

    def __init__(self, path: Path) -> None:
        """`path` is a file on the volume, created when missing."""
        self._path = path
        self._descriptor: int | None = None

    def try_acquire(self) -> bool:
        """Become the writer if nobody else is; True when held afterwards. Raises OSError."""
        if self._descriptor is not None:
            return True
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Let another sidecar write."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


_log = get_logger()


def recover_state(volume: Volume) -> State:
    """The state that the volume supports: what state.json and the folders agree on.

    A version whose folder is gone is dropped, and with it its place in config.json. One whose files were
    changed keeps its place only if the server has answered with it; it is fetched again and replaced.
    When state.json is lost or unreadable, it is rebuilt from config.json and the folders.
    """
    volume.empty_trash()
    volume.forget_empty_models()
    try:
        state = volume.load_state()
    except FatalError as error:
        _log.warning("state_unreadable", reason=str(error), kept_as=str(volume.set_aside_state()))
        state = None
    if state is None:
        state = _rebuild(volume)
    supported = State()
    for name, model in state.models.items():
        supported = supported.with_model(name, _supported(volume, name, model))
    return supported


def _supported(volume: Volume, name: str, model: ModelState) -> ModelState:
    stored = {}
    for local_version, version in model.stored.items():
        found = volume.found_files(name, local_version)
        if found is None:
            _log.info(
                "version_gone_from_volume",
                model=name,
                version=local_version,
                effect="fetched again if needed",
            )
        elif volume.is_intact(name, version):
            stored[local_version] = version
        else:
            _log.warning(
                "version_damaged", model=name, version=local_version, effect="fetched again and replaced"
            )
            stored[local_version] = _damaged(version, found)
    listed = {n for n, version in stored.items() if version.fingerprint != DAMAGED or n in model.confirmed}
    return replace(
        model,
        stored=stored,
        configured=tuple(local_version for local_version in model.configured if local_version in listed),
        confirmed=tuple(local_version for local_version in model.confirmed if local_version in listed),
    )


def _damaged(version: StoredVersion, found: Mapping[str, int]) -> StoredVersion:
    """The version as its folder is now; what still has its size is taken to be what it was."""
    recorded = {(file.path, file.size): file.sha256 for file in version.files}
    files = (StoredFile(path, size, recorded.get((path, size), "")) for path, size in found.items())
    return replace(version, fingerprint=DAMAGED, files=tuple(files))


def _rebuild(volume: Volume) -> State:
    """What config.json lists, which serves; and all other versions, if they can only be ours."""
    configured = configured_versions(volume.load_config() or b"")
    state = State()
    for name, local_version in volume.stored_versions():
        listed = local_version in configured.get(name, ())
        if not listed and not (volume.is_claimed and is_model_name(name)):
            continue
        folder = volume.version_folder(name, local_version)
        files = tuple(
            StoredFile(path, size, digest_file(folder / path))
            for path, size in (volume.found_files(name, local_version) or {}).items()
        )
        version = StoredVersion(local_version, str(local_version), UNKNOWN, files, folder.stat().st_mtime)
        model = state.model(name).with_stored(version)
        if listed:
            local_versions = tuple(sorted({*model.configured, local_version}))
            model = replace(
                model, configured=local_versions
            )  # whether they have answered, the server has to say
        state = state.with_model(name, model)
        why = "config.json lists it" if listed else "it is checked against the bucket"
        _log.info("version_adopted", model=name, version=local_version, reason=f"no record, but {why}")
    return state
