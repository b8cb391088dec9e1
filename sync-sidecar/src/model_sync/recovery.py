"""The first thing after a start: what is really on the volume, whatever happened before."""

from dataclasses import replace

from edge_common.errors import FatalError
from edge_common.logs import get_logger

from model_sync.ovms_config import configured_versions
from model_sync.state import ModelState, State, StoredFile, StoredVersion
from model_sync.transfer import digest_file
from model_sync.volume import Volume

_log = get_logger()

_UNKNOWN = "unknown"
"""Fingerprint of content whose upload nobody remembers; its files are compared when the upload is seen."""


def recover_state(volume: Volume) -> State:
    """The state that the volume supports: what state.json and the folders agree on.

    A version whose folder is not exactly as recorded is dropped, and with it its place in config.json. When
    state.json is lost or unreadable, it is rebuilt from the folders that config.json lists.
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
    for number, version in model.stored.items():
        if volume.is_intact(name, version):
            stored[number] = version
        else:
            _log.info(
                "version_not_intact", model=name, version=number, effect="it is fetched again if needed"
            )
    return replace(
        model,
        stored=stored,
        configured=tuple(number for number in model.configured if number in stored),
        confirmed=tuple(number for number in model.confirmed if number in stored),
    )


def _rebuild(volume: Volume) -> State:
    configured = configured_versions(volume.load_config() or b"")
    state = State()
    for name, number in volume.stored_numbers():
        if number not in configured.get(name, ()):
            continue
        folder = volume.version_folder(name, number)
        files = tuple(
            StoredFile(str(path.relative_to(folder)), path.stat().st_size, digest_file(path))
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        )
        version = StoredVersion(number, str(number), _UNKNOWN, files, folder.stat().st_mtime)
        model = state.model(name).with_stored(version)
        numbers = tuple(sorted({*model.configured, number}))
        state = state.with_model(name, replace(model, configured=numbers, confirmed=numbers))
        _log.info("version_adopted", model=name, version=number, reason="no record, but config.json lists it")
    return state
