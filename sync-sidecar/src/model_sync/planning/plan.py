"""From a snapshot to the actions that bring each model nearer to what the bucket asks for. Pure.

A plan is made anew from what is true at the moment, never from what was intended earlier. So it does not
matter after which of its actions the process was killed: the next snapshot shows how far it came, and the
next plan goes on from there.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from edge_common.served_state import VersionState

from model_sync.bucket.keys import version_rank
from model_sync.planning.actions import (
    Action,
    CancelFetch,
    Configure,
    Confirm,
    Delete,
    DropStaging,
    Fetch,
    Publish,
    Reject,
    Renumber,
    Withdraw,
)
from model_sync.planning.activation import (
    Target,
    local_version_for,
    must_step_aside,
    next_configured,
    number_to_take,
)
from model_sync.planning.load_failures import load_failures
from model_sync.planning.model_snapshot import ModelSnapshot
from model_sync.planning.rollout import end_rollout, is_taken_over, roll_out
from model_sync.planning.snapshot import Snapshot
from model_sync.planning.uploads import UploadStatus, upload_status
from model_sync.planning.versions import (
    PinStatus,
    Wanted,
    pin_status,
    ready_versions,
    superfluous_versions,
    unfit_versions,
    wanted_versions,
)

_ANSWERS = frozenset({VersionState.AVAILABLE, VersionState.UNLOADING})
"""The server reads the files; an earlier rejection of them does not make them less in use."""


@dataclass(frozen=True)
class ModelPlan:
    """What to do for one model, and the findings it rests on."""

    model: ModelSnapshot
    """What it was made from."""
    actions: tuple[Action, ...]
    uploads: Mapping[str, UploadStatus]
    wanted: Sequence[str]
    """Bucket versions to serve, as policy and pin ask, highest first."""
    target: Target
    pin: PinStatus | None = None


def plan(snapshot: Snapshot, names: Iterable[str] | None = None) -> dict[str, ModelPlan]:
    """Model -> its plan, for all models or those in `names`. Never raises.

    Of the room on the volume each model gets what the fetches of those before it leave.
    """
    room, plans = snapshot.room, {}
    for name in snapshot.names if names is None else names:
        model = snapshot.model(name, room)
        plans[name] = made = plan_model(model)
        for action in made.actions:
            if isinstance(action, Fetch):
                upload = model.upload(action.bucket_version)
                room = room.after_promise(upload, action.evicted) if upload is not None else room
    return _without_evicting_what_is_listed(plans) if room.evictable != snapshot.room.evictable else plans


def _without_evicting_what_is_listed(plans: dict[str, ModelPlan]) -> dict[str, ModelPlan]:
    """The same without the fetches whose room another plan needs by now; they are asked for again."""
    listed = {
        (name, local_version)
        for name, made in plans.items()
        for action in made.actions
        if isinstance(action, Configure)
        for local_version in action.local_versions
    }

    def stays(action: Action) -> bool:
        evicted = action.evicted if isinstance(action, Fetch) else ()
        return listed.isdisjoint((version.model, version.local_version) for version in evicted)

    return {name: replace(made, actions=tuple(filter(stays, made.actions))) for name, made in plans.items()}


def plan_model(model: ModelSnapshot) -> ModelPlan:
    """The plan for one model. Never raises."""
    uploads = {name: upload_status(model, upload) for name, upload in model.uploads.items()}
    failures = load_failures(model)
    unfit = unfit_versions(model, failures)
    wanted = wanted_versions(model, uploads, unfit)
    target = _target(model, wanted.served, unfit)
    ending = end_rollout(model)
    configured, configuring = model.state.configured, list[Action]()
    if ending is not None:
        configured, configuring = ending.local_versions, [ending]
    elif not is_taken_over(model):
        busy = model.server_busy
        configured = next_configured(configured, target, model.served, failures, server_busy=busy)
        configuring = list(_configuring(model, target, configured))
    actions = (
        *(Reject(model.state.stored[n].bucket_version, rejection) for n, rejection in failures.items()),
        *_cancelling(model, wanted),
        *_publishing(model, wanted, uploads),
        *configuring,
        *_clearing(model, target, configured, wanted),
    )
    return ModelPlan(model, actions, uploads, wanted.served, target, pin_status(model, uploads, wanted))


def _target(model: ModelSnapshot, wanted: Sequence[str], unfit: Collection[int]) -> Target:
    local_versions, stepping_aside, complete = set[int](), set[int](), True
    for bucket_version in wanted:
        upload, stored = model.upload(bucket_version), model.stored_for(bucket_version, unfit)
        current = upload is None or (stored is not None and stored.fingerprint == upload.fingerprint)
        if stored is None:
            complete = False
        elif current or upload is None or not must_step_aside(model, upload, wanted):
            local_versions.add(stored.local_version)
            complete = complete and current
        else:  # its bridge, if there is one, answers meanwhile
            bridge = model.stored_for(bucket_version, {*unfit, int(bucket_version)})
            local_versions |= {bridge.local_version} if bridge is not None else set()
            stepping_aside.add(int(bucket_version))
            complete = False
    listed = model.listed is not None and bool(model.listed.versions)
    stored_gone = all(version.bucket_version in model.gone for version in model.state.stored.values())
    if model.bucket_listed and not listed and stored_gone:
        return Target(frozenset(), complete=True, remove=True)
    failed = any(_answers_nobody(model, local_version) for local_version in local_versions)
    if failed and not is_taken_over(model):  # else the settings are at fault, and go back
        local_versions |= _fallback(model, local_versions.union(unfit))
        complete = False
    return Target(frozenset(local_versions), complete, frozenset(stepping_aside))


def _answers_nobody(model: ModelSnapshot, local_version: int) -> bool:
    """Whether the server could not load a version, or lacks its files; it may be able to later."""
    seen = model.state_of(local_version)
    gone = model.served is not None and model.state.stored[local_version].is_missing
    return seen is VersionState.FAILED or (gone and seen is not VersionState.AVAILABLE)


def _fallback(model: ModelSnapshot, excluded: set[int]) -> set[int]:
    """The best other version on the volume, to answer while the server cannot load the right one."""
    others = {
        local_version: version.bucket_version
        for local_version, version in model.state.stored.items()
        if local_version not in excluded
        and version.bucket_version not in model.gone
        and not _answers_nobody(model, local_version)
    }
    pin = model.pin.pin if model.pin is not None else None
    older = {n for n, name in others.items() if pin and version_rank(name) <= version_rank(pin.version)}
    return {max(older or others)} if others else set()


def _cancelling(model: ModelSnapshot, wanted: Wanted) -> Iterator[Action]:
    for bucket_version, running in model.fetches.items():
        upload = model.upload(bucket_version)
        if bucket_version not in wanted.all or upload is None or upload.upload_id != running.upload_id:
            yield CancelFetch(bucket_version)


def _publishing(
    model: ModelSnapshot, wanted: Wanted, uploads: Mapping[str, UploadStatus]
) -> Iterator[Action]:
    taken: set[int] = set()
    room = model.room
    for bucket_version in wanted.all:
        upload = model.upload(bucket_version)
        if upload is None or model.is_stored(upload) or not uploads[bucket_version].fetchable:
            continue
        if model.staged.get(bucket_version) == upload.upload_id:
            local_version = local_version_for(model, upload, wanted.served)
            # two may borrow the same; one waits a round
            if local_version is not None and local_version not in taken:
                taken.add(local_version)
                yield Publish(bucket_version, local_version)
        elif (
            bucket_version not in model.fetches
            and bucket_version not in model.fetch_errors
            and room.shortage(upload) is None
            and (bucket_version in wanted.served or not room.evictions(upload))
        ):
            evicted = room.evictions(upload)
            room = room.after_promise(upload, evicted)
            yield Fetch(bucket_version, evicted)


def _configuring(model: ModelSnapshot, target: Target, configured: tuple[int, ...]) -> Iterator[Action]:
    before, confirmed = model.state.configured, set(model.state.confirmed)
    answering = {n for n in configured if n in before and model.state_of(n) is VersionState.AVAILABLE}
    if answering - confirmed:  # also while more is awaited, perhaps for long
        yield Confirm(tuple(sorted(answering | (confirmed & set(configured)))))
    for version in (model.state.stored[local_version] for local_version in sorted(answering)):
        if version.bucket_version in model.state.rejections and model.rejected_by_server(version, ever=True):
            yield Reject(version.bucket_version, None)
    if configured != before:
        settings = model.state.settings if before else model.settings
        yield Configure(configured, settings if configured else {})
    elif set(configured) == answering == confirmed and (
        model.state.rollout is not None or (target.complete and target.local_versions == answering)
    ):
        yield from roll_out(model)


def _clearing(
    model: ModelSnapshot, target: Target, configured: tuple[int, ...], wanted: Wanted
) -> Iterator[Action]:
    """Folders that are no longer listed go, but never while the server holds them."""
    in_use = {*configured, *model.state.configured, *target.local_versions}
    in_use |= ready_versions(model, wanted)
    if model.state.rollout is not None and model.state.rollout.bridge is not None:
        in_use.add(model.state.rollout.bridge)
    superfluous = superfluous_versions(model, in_use)
    for local_version, version in sorted(model.state.stored.items()):
        if local_version in configured and configured == model.state.configured:
            to = number_to_take(model, local_version)
            if to is not None:
                yield Renumber(local_version, to)
        elif (
            local_version not in in_use
            and not model.server_busy
            and model.state_of(local_version) not in _ANSWERS
            and (model.rejected_by_server(version, ever=True) or model.taken_back(version))
        ):
            yield Withdraw(local_version)
        elif local_version in superfluous and model.has_ended(local_version):
            yield Delete(local_version)
    stored = {version.bucket_version for version in model.state.stored.values()}
    if model.bucket_listed:
        for bucket_version in sorted((model.staged.keys() | model.state.rejections.keys()) - stored):
            if model.upload(bucket_version) is None:
                yield DropStaging(bucket_version)
                yield Reject(bucket_version, None)
