"""Which local versions config.json lists next, and which one new content gets. Pure.

The rules come from what the server was measured to do (OVMS 2026.2.1). A new version is listed beside the old
one first, because a list with only a broken or missing version retires the old one at once. And the server
never notices other files behind a number it has loaded: the number has to end first. For the highest number
that would be a gap for everybody who names no version, so its content is first published under a free higher
number, the bridge, and takes its own number when that has ended. A lower number steps aside; only those who
ask for it by number notice.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from edge_common.served_state import VersionState

from model_sync.bucket.catalog import Upload
from model_sync.bucket.keys import LATEST, MAX_VERSION
from model_sync.planning.model_snapshot import ModelSnapshot

_STILL_HELD = frozenset({VersionState.FAILED, VersionState.UNLOADING})
_HELD_BY_SERVER = frozenset({VersionState.AVAILABLE, VersionState.LOADING, VersionState.UNLOADING})


@dataclass(frozen=True)
class Target:
    """What should be served. `complete`: everything wanted is on the volume, nothing more will come."""

    local_versions: frozenset[int]
    complete: bool
    stepping_aside: frozenset[int] = frozenset()
    """Numbers whose content has to end so that new content can take them."""
    remove: bool = False
    """The whole model was removed from the bucket."""


def next_configured(
    current: Collection[int],
    target: Target,
    served: Mapping[int, VersionState] | None,
    failed: Collection[int] = (),
    *,
    server_busy: bool = False,
) -> tuple[int, ...]:
    """The versions to list next, ascending; `current` when there is nothing to do or to wait for.

    A version leaves only when all of the target is AVAILABLE, when it `failed` to load and answers nobody, or
    with the whole model. Of an incomplete target only what steps aside leaves: should the server start anew,
    the others answer. `served` None: the server is away; `server_busy`: it is what the server said last, so
    what is missing is listed, and nothing else leaves.
    """
    kept = set(current) - set(failed)
    if served is None:
        return tuple(sorted(kept))  # a version that ends the server is not there for its next start
    if target.remove and not server_busy:
        return ()
    wanted = target.local_versions - set(failed)
    if not wanted:
        return tuple(sorted(kept))
    answering = {version for version in kept if served.get(version) is VersionState.AVAILABLE}
    if wanted <= answering and not server_busy:
        return tuple(sorted(wanted if target.complete else kept - target.stepping_aside))
    fresh = wanted - kept
    # a failed version that the server has not let go of keeps lower ones from being started
    blockers = [version for version, state in served.items() if version not in kept and state in _STILL_HELD]
    if fresh and blockers and min(fresh) < max(blockers):
        return tuple(sorted(kept))
    return tuple(sorted(kept | fresh))


def must_step_aside(model: ModelSnapshot, upload: Upload, wanted: Collection[str]) -> bool:
    """Whether the old content has to end so that the staged `upload` can take its number.

    `wanted` are the bucket versions that the policy asks for.
    """
    if not upload.bucket_version.isdigit() or model.staged.get(upload.bucket_version) != upload.upload_id:
        return False
    own, stored = int(upload.bucket_version), model.state.stored
    staying = own not in stored or own == _highest_staying(model, wanted)
    return not staying and not stored[own].may_be_put_back(upload.fingerprint)


def local_version_for(model: ModelSnapshot, upload: Upload, wanted: Collection[str]) -> int | None:
    """The version as which the staged `upload` can be published now; None while its own has to end."""
    if upload.bucket_version == LATEST:
        second = int(upload.modified)
        return max(second if second <= MAX_VERSION else 0, model.highest_used + 1)
    own = int(upload.bucket_version)
    if own not in model.state.stored:
        rollout = model.state.rollout
        taken = model.state_of(own) in _HELD_BY_SERVER or (rollout is not None and rollout.bridge == own)
        return None if taken else own
    if model.state.stored[own].may_be_put_back(upload.fingerprint):
        return own
    return model.free_number if own == _highest_staying(model, wanted) else None


def number_to_take(model: ModelSnapshot, bridge: int) -> int | None:
    """The free number whose content serves under `bridge`; None: it is no bridge, or has to wait."""
    version = model.state.stored[bridge]
    if version.bucket_version == LATEST or int(version.bucket_version) == bridge:
        return None
    own = int(version.bucket_version)
    upload = model.upload(version.bucket_version)
    current = upload.fingerprint == version.fingerprint if upload is not None else version.trusted
    answering = model.state_of(bridge) is VersionState.AVAILABLE
    free = own not in model.state.stored and model.has_ended(own)
    return own if free and answering and current else None


def _highest_staying(model: ModelSnapshot, wanted: Collection[str]) -> int:
    """The highest listed version that is to stay; the others leave as soon as something answers."""
    stored = model.state.stored
    staying = [n for n in model.state.configured if n in stored and stored[n].bucket_version in wanted]
    return max(staying, default=0)
