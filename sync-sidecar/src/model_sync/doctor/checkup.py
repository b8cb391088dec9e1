"""The likely mistakes, looked for one by one; each finding says what to do about it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edge_common.errors import EdgeError

from model_sync.doctor import preflight_checkup, server_checkup, store_checkup, volume_checkup
from model_sync.settings import Settings
from model_sync.store.s3_bucket import S3Bucket
from model_sync.volume.shared_volume import Volume


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `advice` is empty when it is well."""

    what: str
    seen: str
    advice: str = ""

    @property
    def well(self) -> bool:
        """Whether nothing needs to be done."""
        return not self.advice


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything the sidecar depends on, from the nearest to the farthest. Never raises."""
    volume = Volume(settings.models_dir)
    yield (folder := _checked("models folder", lambda: volume_checkup.models_folder(volume)))
    if folder.well:
        yield _checked("renaming on the volume", lambda: volume_checkup.renaming(volume))
        yield _checked("config.json", lambda: volume_checkup.config_file(volume))
        yield _checked("space on the volume", lambda: volume_checkup.space(volume, settings.min_free_bytes))
        yield _checked("writer of the volume", lambda: volume_checkup.writer(volume))
    yield (address := _checked("address of the store", lambda: store_checkup.address(settings.s3_endpoint)))
    if address.well:
        yield from _store(settings)
    yield _checked("preflight", lambda: preflight_checkup.confinement(settings))
    yield _checked("model server", lambda: server_checkup.served_folder(settings.ovms_url, volume))


def _store(settings: Settings) -> Iterator[Finding]:
    yield _checked("clock", lambda: store_checkup.clock(settings.s3_endpoint))
    try:
        bucket = S3Bucket(settings)
    except EdgeError as error:
        yield _troubled("credentials and bucket", error)
        return
    yield (found := _checked("credentials and bucket", lambda: store_checkup.listing(bucket, settings)))
    if found.well:
        yield _checked("models in the bucket", lambda: store_checkup.models(bucket, settings))
        yield _checked("status object", lambda: store_checkup.status_object(bucket, settings))


def _checked(what: str, look: Callable[[], tuple[str, str]]) -> Finding:
    try:
        seen, advice = look()
    except EdgeError as error:
        return _troubled(what, error)
    except OSError as error:
        return Finding(what, f"{error.strerror or error}", "make it readable and writable for this user")
    return Finding(what, seen, advice)


def _troubled(what: str, error: EdgeError) -> Finding:
    sentence, _, advice = str(error).rpartition("; ")
    return Finding(what, sentence or str(error), advice if sentence else "mend that, then ask again")
