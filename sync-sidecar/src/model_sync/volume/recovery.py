"""The first thing after a start: what is really on the volume, whatever happened before."""

import shutil
from collections.abc import Mapping
from dataclasses import replace

from edge_common.errors import FatalError
from edge_common.logs import get_logger

from model_sync.bucket.keys import is_model_name, is_version_name
from model_sync.download.object_download import digest_file
from model_sync.model_server.config import configured_settings, configured_versions
from model_sync.planning.evidence import Evidence
from model_sync.planning.state import (
    DAMAGED,
    UNKNOWN,
    ModelState,
    Rollout,
    State,
    StoredFile,
    StoredVersion,
    missing,
)
from model_sync.volume.volume import Volume

_log = get_logger()


def recover_state(volume: Volume) -> State:
    """The state that the volume supports: what state.json and the folders agree on.

    A version whose folder is gone is dropped, and with it its place in config.json. One whose files were
    changed keeps its place only if the server has answered with it; it is fetched again and replaced.
    When state.json is lost or unreadable, it is rebuilt from config.json and the folders.
    """
    volume.empty_trash()
    shutil.rmtree(volume.uploads_root, ignore_errors=True)
    volume.forget_empty_models()
    try:
        state = volume.load_state()
    except FatalError as error:
        _log.warning("state_unreadable", reason=str(error), kept_as=str(volume.set_aside_state()))
        state = None
    if state is None:
        state = _rebuild(volume)
    supported = State(writer=state.writer)
    for name, model in state.models.items():
        if is_model_name(name):  # else it would lead out of the models folder
            supported = supported.with_model(name, _supported(volume, name, model))
    return supported


def _supported(volume: Volume, name: str, model: ModelState) -> ModelState:
    for local_version, version in list(model.stored.items()):
        found = _look(volume, name, local_version)
        if not is_version_name(version.bucket_version):
            model = model.without_stored(local_version)
            continue
        if found == {file.path: file.size for file in version.files} and not version.is_missing:
            continue
        facts = {"model": name, "version": local_version}
        if found is None and local_version not in model.confirmed:
            _log.info("version_gone_from_volume", **facts, effect="fetched again if needed")
        else:
            _log.warning("version_damaged", **facts, effect="fetched again and replaced")
        model = after_harm(model, local_version, found, answers=local_version in model.confirmed)
    known = tuple(local_version for local_version in model.configured if local_version in model.stored)
    return replace(model, configured=known, confirmed=tuple(n for n in model.confirmed if n in known))


def after_harm(
    model: ModelState,
    local_version: int,
    found: Mapping[str, int] | None,
    digests: Mapping[str, str] | None = None,
    *,
    answers: bool,
) -> ModelState:
    """The model once the files of a version are not what was published; `found`: path -> size, None: gone.

    What `answers`, or did, keeps its place until it is replaced; what never did is listed no more. Settings
    that such a one was to bridge go back: without it, what serves would be compiled anew in its place.
    """
    if answers:
        return model.with_stored(_damaged(model.stored[local_version], found, digests))
    if model.rollout is not None and model.rollout.bridge == local_version:
        model = replace(model, settings=model.rollout.before, rollout=None)
    left = tuple(n for n in model.configured if n != local_version)
    confirmed = tuple(n for n in model.confirmed if n != local_version)
    model = replace(model, configured=left, confirmed=confirmed)
    if found is None:
        return model.without_stored(local_version)
    return model.with_stored(_damaged(model.stored[local_version], found, digests))


def harm_found(volume: Volume, name: str, model: ModelState, local_version: int) -> ModelState | None:
    """The model with a version marked as damaged; None when its files are, byte for byte, what was published.

    Reads all of them. Raises OSError when they cannot be read.
    """
    version, folder = model.stored[local_version], volume.version_folder(name, local_version)
    found = volume.found_files(name, local_version)
    digests = {path: digest_file(folder / path) for path in found or {}}
    published = {file.path: file.sha256 or digests.get(file.path) for file in version.files}
    if found is not None and digests == published and not version.harmed:
        return None
    return after_harm(model, local_version, found, digests, answers=local_version in model.confirmed)


def _damaged(
    version: StoredVersion, found: Mapping[str, int] | None, digests: Mapping[str, str] | None = None
) -> StoredVersion:
    """The version as its folder is now, without evidence; `found`: path -> size, None without a folder.

    What still has its size is taken to be what it was, unless `digests` says otherwise.
    """
    if found is None:
        return replace(version, fingerprint=missing(version.fingerprint), files=(), evidence=Evidence())
    recorded = {(file.path, file.size): file.sha256 for file in version.files}
    known = {path: recorded.get((path, size), "") for path, size in found.items()} | dict(digests or {})
    files = tuple(StoredFile(path, size, known[path]) for path, size in found.items())
    return replace(version, fingerprint=DAMAGED, files=files, evidence=Evidence())


def _look(volume: Volume, name: str, local_version: int) -> Mapping[str, int] | None:
    """Path -> size; what cannot be read is taken to be damaged."""
    folder = volume.version_folder(name, local_version)
    try:
        return volume.found_files(name, local_version)
    except OSError as error:
        volume.walk.leave_alone(folder, error)
        return {}


def _rebuild(volume: Volume) -> State:
    """What config.json lists, which serves; and all other versions, if they can only be ours."""
    config = volume.load_config() or b""
    configured, settings = configured_versions(config), configured_settings(config)
    state = State()
    for name, local_version in volume.stored_versions():
        listed = local_version in configured.get(name, ())
        if not listed and not (volume.is_claimed and is_model_name(name)):
            continue
        folder = volume.version_folder(name, local_version)
        try:
            files = tuple(
                StoredFile(path, size, digest_file(folder / path))
                for path, size in (volume.found_files(name, local_version) or {}).items()
            )
            published_at = folder.stat().st_mtime
        except OSError as error:
            volume.walk.leave_alone(folder, error)
            continue
        version = StoredVersion(local_version, str(local_version), UNKNOWN, files, published_at)
        model = state.model(name).with_stored(version)
        if listed:
            local_versions = tuple(sorted({*model.configured, local_version}))
            # whether they have answered, the server has to say
            model = replace(model, configured=local_versions, settings=settings.get(name, {}))
        state = state.with_model(name, model)
        why = "config.json lists it" if listed else "it is checked against the bucket"
        _log.info("version_adopted", model=name, version=local_version, reason=f"no record, but {why}")
    return State({name: _with_bridge_kept(model) for name, model in state.models.items()})


def _with_bridge_kept(model: ModelState) -> ModelState:
    """The model; where it lists one content twice, with the rollout of settings that this may have been.

    What serves may not have the entry's settings yet, so its bridge goes only once the server has both.
    """
    *others, bridge = model.configured or (0,)
    content = {tuple(model.stored[number].files) for number in model.configured}
    if not others or len(content) > 1:
        return model
    return replace(model, rollout=Rollout(model.settings, model.settings, tuple(others), bridge))
