"""The likely mistakes, looked for one by one; each finding says what to do about it."""

import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

from edge_common.errors import EdgeError
from edge_common.findings import Finding, Level

from model_sync.doctor import network, volume
from model_sync.preflight.confinement import filters_system_calls, landlock_version
from model_sync.settings import Settings
from model_sync.store.s3_store import S3Bucket
from model_sync.volume.volume import Volume

_RENAMING = "renaming"


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything the sidecar depends on, from the nearest to the farthest. Never raises."""
    shared = Volume(settings.models_dir)
    yield (folder := _checked("models folder", lambda: volume.models_folder(shared)))
    if folder.level is Level.OK:
        yield from _abilities(shared)
        yield _checked("folders of others", lambda: volume.foreign_folders(shared), worst=Level.WARN)
        yield _checked("config.json", lambda: volume.config_file(shared))
        yield _checked("space on the volume", lambda: volume.space(shared, settings.min_free_bytes))
        yield _checked("writer of the volume", lambda: volume.writer(shared))
    yield (address := _checked("address of the store", lambda: network.address(settings.s3_endpoint)))
    if address.level is Level.OK:
        yield from _store(settings)
    if settings.signatures != "off":
        yield _trusted_keys(settings)
    yield _checked("preflight", lambda: confinement(settings), worst=Level.WARN)
    yield (server := _checked("model server", lambda: network.served_folder(settings.ovms_url, shared)))
    if server.level is not Level.FAIL and settings.preflight == "on":
        here = metadata.version("openvino")
        yield _checked("OpenVINO", lambda: network.runtime(settings.ovms_url, here), worst=Level.WARN)


def _abilities(shared: Volume) -> Iterator[Finding]:
    lacks = list(volume.abilities(shared))
    if not any(lack.what == _RENAMING for lack in lacks):
        yield Finding(
            Level.OK, f"{_RENAMING} on the volume", "a folder can be renamed from staging into place"
        )
    for lack in lacks:
        seen, _, advice = lack.sentence.rpartition("; ")
        yield Finding(Level.FAIL if lack.fatal else Level.WARN, f"{lack.what} on the volume", seen, advice)


def _store(settings: Settings) -> Iterator[Finding]:
    yield _checked("clock", lambda: network.clock(settings.s3_endpoint))
    try:
        bucket = S3Bucket(settings)
    except EdgeError as error:
        yield _failed("credentials and bucket", error)
        return
    yield (found := _checked("credentials and bucket", lambda: network.listing(bucket, settings)))
    if found.level is Level.OK:
        yield _checked("models in the bucket", lambda: network.models(bucket, settings), worst=Level.WARN)
        yield _checked("status object", lambda: network.status_object(bucket, settings), worst=Level.WARN)


def _trusted_keys(settings: Settings) -> Finding:
    # imported here because cryptography takes time, and signatures may be off
    from model_sync.doctor.trust import trusted_keys  # noqa: PLC0415

    return trusted_keys(settings.trusted_keys or Path(), time.time())


def _checked(what: str, look: Callable[[], tuple[str, str]], *, worst: Level = Level.FAIL) -> Finding:
    try:
        seen, advice = look()
    except EdgeError as error:
        return _failed(what, error)
    except OSError as error:
        advice = "make it readable and writable for this user"
        return Finding(Level.FAIL, what, error.strerror or str(error), advice)
    return Finding(worst if advice else Level.OK, what, seen, advice)


def _failed(what: str, error: EdgeError) -> Finding:
    sentence, _, advice = str(error).rpartition("; ")
    return Finding(
        Level.FAIL, what, sentence or str(error), advice if sentence else "mend that, then ask again"
    )


def confinement(settings: Settings) -> tuple[str, str]:
    """Whether the kernel keeps preflight from files and connections that are not the model's."""
    if settings.preflight == "off":
        return "is off: a model that crashes the server is found out by the server", ""
    version, filtered = landlock_version(), filters_system_calls()
    if version and filtered:
        return f"a model in preflight reads its own folder only (Landlock {version}, seccomp)", ""
    missing = "Landlock" if filtered else "seccomp" if version else "Landlock and seccomp"
    return (
        f"a model in preflight is limited in memory and time, but not confined by {missing}",
        "if strangers upload models, use Linux 5.13 or later and a container that allows both",
    )
