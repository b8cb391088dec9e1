"""New content under a number that is in use. Pure.

The server never notices other files behind a number it has loaded (measured on OVMS 2026.2.1): the number has
to end first. For the highest number that would be a gap for everybody who names no version, so its content is
first published under a free higher number, the bridge, and takes its own number when that has ended. A lower
number steps aside; only those who ask for it by number notice.
"""

from collections.abc import Collection

from edge_common.served_state import VersionState

from model_sync.bucket.catalog import RemoteVersion
from model_sync.bucket.object_names import LATEST, MAX_VERSION, is_version_name
from model_sync.planning.model_view import ModelView

_HELD_BY_SERVER = frozenset({VersionState.AVAILABLE, VersionState.LOADING, VersionState.UNLOADING})


def must_step_aside(view: ModelView, upload: RemoteVersion, wanted: Collection[str]) -> bool:
    """Whether the old content has to end so that the staged `upload` can take its number.

    `wanted` are the sources that the policy asks for.
    """
    return (
        view.staged.get(upload.source) == upload.upload_mark
        and upload.source.isdigit()
        and int(upload.source) in view.state.stored
        and int(upload.source) != _highest(view, wanted)
    )


def number_for(view: ModelView, upload: RemoteVersion, wanted: Collection[str]) -> int | None:
    """The number under which the staged `upload` can be published now; None while its own has to end."""
    used = [view.state.last_number, *view.state.stored, *view.state.configured]
    if upload.source == LATEST:
        second = int(upload.modified)
        return max(second if second <= MAX_VERSION else 0, max(used) + 1)
    number = int(upload.source)
    if number not in view.state.stored:
        held = view.served is not None and view.served.get(number) in _HELD_BY_SERVER
        return None if held else number
    if number != _highest(view, wanted):
        return None
    listed = view.remote.versions if view.remote is not None else {}
    numbers = (int(source) for source in listed if source != LATEST and is_version_name(source))
    return max([*used, *numbers]) + 1


def _highest(view: ModelView, wanted: Collection[str]) -> int:
    """The highest listed number that is to stay; the others leave as soon as something answers."""
    stored = view.state.stored
    staying = [n for n in view.state.configured if n in stored and stored[n].source in wanted]
    return max(staying, default=0)


def number_to_take(view: ModelView, bridge: int) -> int | None:
    """The free number whose content serves under `bridge`; None: it is no bridge, or has to wait."""
    version = view.state.stored[bridge]
    if version.source == LATEST or int(version.source) == bridge:
        return None
    number = int(version.source)
    ended = view.served is not None and view.served.get(number) in {None, VersionState.END}
    answering = view.served is not None and view.served.get(bridge) is VersionState.AVAILABLE
    upload = view.upload(version.source)
    current = upload is None or upload.fingerprint == version.fingerprint
    return number if ended and answering and current and number not in view.state.stored else None
