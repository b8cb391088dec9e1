"""New content under a number that is in use. Pure.

The server never notices other files behind a number it has loaded (measured on OVMS 2026.2.1): the number has
to end first. For the highest number that would be a gap for everybody who names no version, so its content is
first published under a free higher number, the bridge, and takes its own number when that has ended. A lower
number steps aside; only those who ask for it by number notice.
"""

from collections.abc import Collection

from edge_common.served_state import VersionState

from model_sync.bucket.catalog import Upload
from model_sync.bucket.keys import LATEST, MAX_VERSION, is_version_name
from model_sync.planning.snapshot import ModelView

_HELD_BY_SERVER = frozenset({VersionState.AVAILABLE, VersionState.LOADING, VersionState.UNLOADING})


def must_step_aside(view: ModelView, upload: Upload, wanted: Collection[str]) -> bool:
    """Whether the old content has to end so that the staged `upload` can take its number.

    `wanted` are the sources that the policy asks for.
    """
    return (
        view.staged.get(upload.bucket_version) == upload.upload_id
        and upload.bucket_version.isdigit()
        and int(upload.bucket_version) in view.state.stored
        and int(upload.bucket_version) != _highest(view, wanted)
    )


def number_for(view: ModelView, upload: Upload, wanted: Collection[str]) -> int | None:
    """The number under which the staged `upload` can be published now; None while its own has to end."""
    used = [view.state.last_number, *view.state.stored, *view.state.configured]
    if upload.bucket_version == LATEST:
        second = int(upload.modified)
        return max(second if second <= MAX_VERSION else 0, max(used) + 1)
    local_version = int(upload.bucket_version)
    if local_version not in view.state.stored:
        held = view.served is not None and view.served.get(local_version) in _HELD_BY_SERVER
        return None if held else local_version
    if local_version != _highest(view, wanted):
        return None
    listed = view.remote.versions if view.remote is not None else {}
    local_versions = (
        int(bucket_version)
        for bucket_version in listed
        if bucket_version != LATEST and is_version_name(bucket_version)
    )
    return max([*used, *local_versions]) + 1


def _highest(view: ModelView, wanted: Collection[str]) -> int:
    """The highest listed number that is to stay; the others leave as soon as something answers."""
    stored = view.state.stored
    staying = [n for n in view.state.configured if n in stored and stored[n].bucket_version in wanted]
    return max(staying, default=0)


def number_to_take(view: ModelView, bridge: int) -> int | None:
    """The free number whose content serves under `bridge`; None: it is no bridge, or has to wait."""
    version = view.state.stored[bridge]
    if version.bucket_version == LATEST or int(version.bucket_version) == bridge:
        return None
    local_version = int(version.bucket_version)
    ended = view.served is not None and view.served.get(local_version) in {None, VersionState.END}
    answering = view.served is not None and view.served.get(bridge) is VersionState.AVAILABLE
    upload = view.upload(version.bucket_version)
    current = upload is None or upload.fingerprint == version.fingerprint
    return (
        local_version if ended and answering and current and local_version not in view.state.stored else None
    )
