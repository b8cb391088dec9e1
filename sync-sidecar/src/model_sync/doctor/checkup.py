"""The likely mistakes, looked for one by one; each finding says what to do about it."""

import os
import stat
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from edge_common.errors import EdgeError, FatalError
from edge_common.findings import Finding, Level
from edge_common.quantities import format_size

from model_sync.doctor import network
from model_sync.model_server.config import configured_versions, format_config
from model_sync.planning.disk_budget import least_free
from model_sync.planning.state import State
from model_sync.preflight.confinement import filters_system_calls, landlock_version
from model_sync.settings import Settings
from model_sync.store.s3_store import S3Bucket
from model_sync.volume.lock import VolumeLock
from model_sync.volume.probe import probe_volume
from model_sync.volume.volume import Volume

_RENAMING = "renaming"
_LITTLE_SPACE = 1024**3
_LITTLE_PART = 10
_FEW = 5
_MOUNTS = Path("/proc/self/mountinfo")


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything the sidecar depends on, from the nearest to the farthest. Never raises."""
    shared = Volume(settings.models_dir)
    yield (folder := _checked("models folder", lambda: models_folder(shared)))
    if folder.level is Level.OK:
        yield from _abilities(shared)
        yield _checked("folders of others", lambda: foreign_folders(shared), worst=Level.WARN)
        yield _checked("config.json", lambda: config_file(shared))
        yield _checked("space on the volume", lambda: space(shared, settings.min_free_bytes))
        yield _checked("writer of the volume", lambda: writer(shared))
    yield (address := _checked("address of the store", lambda: network.address(settings.s3_endpoint)))
    if address.level is Level.OK:
        yield from _store(settings)
    if settings.signatures != "off":
        yield trusted_keys(settings.trusted_keys or Path(), time.time())
    yield _checked("preflight", lambda: confinement(settings), worst=Level.WARN)
    yield (server := _checked("model server", lambda: network.served_folder(settings.ovms_url, shared)))
    if server.level is not Level.FAIL and settings.preflight == "on":
        here = metadata.version("openvino")
        yield _checked("OpenVINO", lambda: network.runtime(settings.ovms_url, here), worst=Level.WARN)


def _abilities(shared: Volume) -> Iterator[Finding]:
    lacks = list(probe_volume(shared.root, shared.own / "doctor"))
    if not any(lack.what == _RENAMING for lack in lacks):
        seen = "a folder can be renamed from staging into place"
        yield Finding(Level.OK, f"{_RENAMING} on the volume", seen)
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
    advice = advice if sentence else "mend that, then ask again"
    return Finding(Level.FAIL, what, sentence or str(error), advice)


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


def trusted_keys(folder: Path, now: float) -> Finding:
    """Whether at least one key can be used, and all of them; `now` in Unix seconds."""
    # imported here because cryptography takes time, and signatures may be off
    from model_sync.trust.trusted_keys import TrustedKeys  # noqa: PLC0415

    keyring, at = TrustedKeys(folder).read(), datetime.fromtimestamp(now, UTC)
    if not keyring.keys:
        advice = "put a PEM file of a public key there; until then every signed upload is rejected"
        return Finding(Level.FAIL, "trusted keys", "; ".join(keyring.problems), advice)
    outdated = [
        f"the certificate {key.name} expired at {key.certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
        if at > key.certificate.not_valid_after_utc
        else f"the certificate {key.name} does not hold yet by this machine's clock"
        for key in keyring.keys
        if key.certificate is not None
        and not key.certificate.not_valid_before_utc <= at <= key.certificate.not_valid_after_utc
    ]
    faults = [*keyring.problems, *outdated]
    if faults:
        return Finding(
            Level.WARN, "trusted keys", "; ".join(faults), "replace or remove them; the others hold"
        )
    shown = ", ".join(f"{key.name} {key.fingerprint[:19]}…" for key in keyring.keys[:5])
    return Finding(Level.OK, "trusted keys", f"{len(keyring.keys)} can be used: {shown}")


def models_folder(volume: Volume) -> tuple[str, str]:
    """Whether the folder is there and ours to write; raises FatalError with the advice."""
    volume.prepare()
    return f"{volume.root} can be written", ""


def foreign_folders(volume: Volume) -> tuple[str, str]:
    """Whether folders lie there that cannot be read, such as `lost+found`; they are left alone."""
    for _ in volume.stored_versions():
        pass
    names = [str(path.relative_to(volume.root)) for path in volume.walk.left_alone]
    if not names:
        return "every folder can be read", ""
    shown = ", ".join(names[:_FEW]) + (f" and {len(names) - _FEW} more" if len(names) > _FEW else "")
    advice = "nothing, unless a model should lie there: then give it to this user"
    return f"{shown} cannot be read, and is left alone", advice


def config_file(volume: Volume) -> tuple[str, str]:
    """Whether config.json is ours, and can be replaced by a rename."""
    path = volume.config_path
    try:
        about = path.lstat()
    except FileNotFoundError:
        return "is not there yet; the sidecar writes it", ""
    if not stat.S_ISREG(about.st_mode) or str(path) in mount_points(_mountinfo()):
        advice = f"mount the folder {volume.root} instead of the file, and remove what lies at {path}"
        return "is a mount or no plain file, so it cannot be replaced", advice
    folder = path.parent.stat()
    if not may_replace(os.geteuid(), about.st_uid, folder.st_uid, folder.st_mode):
        seen = f"belongs to user {about.st_uid}, and the folder lets only that user replace it"
        return seen, f"chown it to user {os.geteuid()}, or remove it"
    content = path.read_bytes()
    if not configured_versions(content) and content != format_config(State(), volume.root):
        advice = f"move {path} away, and upload its models to the bucket"
        return "was not written by model-sync, which replaces it when it starts", advice
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
