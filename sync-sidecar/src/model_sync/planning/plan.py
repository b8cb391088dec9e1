"""From one view of one model to the actions that bring it nearer to what the bucket asks for. Pure.

A plan is made anew from what is true at the moment, never from what was intended earlier. So it does not
matter after which of its actions the process was killed: the next view shows how far it came, and the next
plan goes on from there.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from edge_common.served_state import VersionState

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
from model_sync.planning.activation import Wish, has_ended, next_configured
from model_sync.planning.load_failures import load_failures
from model_sync.planning.rejections import RejectedAt
from model_sync.planning.replacement import must_step_aside, number_for, number_to_take
from model_sync.planning.retention import superfluous_numbers
from model_sync.planning.rollout import begin_of_trial, end_of_trial
from model_sync.planning.snapshot import ModelView
from model_sync.planning.standing import Judgement, judge_upload
from model_sync.planning.state import StoredVersion
from model_sync.planning.versions import wanted_sources

_ANSWERS = frozenset({VersionState.AVAILABLE, VersionState.UNLOADING})
"""The server reads the files; an earlier verdict on them does not make them less in use."""


@dataclass(frozen=True)
class ModelPlan:
    """What to do for one model, and the findings it rests on."""

    actions: tuple[Action, ...]
    judgements: Mapping[str, Judgement]
    wanted: Sequence[str]
    """Sources that the policy asks for, highest first."""
    wish: Wish


def plan_model(view: ModelView) -> ModelPlan:
    """The plan for the model in `view`. Never raises."""
    uploads = view.remote.versions if view.remote is not None else {}
    judgements = {bucket_version: judge_upload(view, upload) for bucket_version, upload in uploads.items()}
    failures = load_failures(view)
    unfit = _unfit(view, failures)
    wanted = _wanted(view, judgements, unfit)
    wish = _wish(view, wanted, unfit)
    configured = next_configured(view.state.configured, wish, view.served, failures)
    actions: list[Action] = [
        Reject(view.state.stored[local_version].bucket_version, verdict)
        for local_version, verdict in failures.items()
    ]
    actions += _fetching(view, wanted)
    actions += _publishing(view, wanted, judgements)
    ending = list(end_of_trial(view))
    actions += ending or _configuring(view, wish, configured)
    actions += _clearing(view, wish, configured)
    return ModelPlan(tuple(actions), judgements, wanted, wish)


def _unfit(view: ModelView, dead: Collection[int]) -> set[int]:
    """Stored numbers that are not to be listed.

    Dead ones, refused ones, and what is outdated or of unknown worth and has never answered.
    """
    unfit = set(dead)
    for local_version, version in view.state.stored.items():
        upload = view.upload(version.bucket_version)
        outdated = upload is not None and upload.fingerprint != version.fingerprint
        answered = (
            local_version in view.state.confirmed or _state(view, local_version) is VersionState.AVAILABLE
        )
        if _refused(view, version) or ((outdated or not version.trusted) and not answered):
            unfit.add(local_version)
    return unfit


def _wanted(view: ModelView, judgements: Mapping[str, Judgement], unfit: Collection[int]) -> list[str]:
    """Sources that the policy asks for, of those that can be served as far as anybody knows."""
    candidates = {bucket_version for bucket_version, judgement in judgements.items() if judgement.fetchable}
    for local_version, version in view.state.stored.items():
        if view.listed:
            eligible = version.bucket_version not in view.gone
        else:  # without a listing nothing new is taken up, only what was chosen before
            eligible = local_version in (view.state.configured or view.state.stored)
        if eligible and local_version not in unfit:
            candidates.add(version.bucket_version)
    return wanted_sources(view.policy, candidates)


def _wish(view: ModelView, wanted: Sequence[str], unfit: Collection[int]) -> Wish:
    local_versions: set[int] = set()
    complete = True
    for bucket_version in wanted:
        upload, stored = view.upload(bucket_version), view.stored_for(bucket_version, unfit)
        current = upload is None or (stored is not None and stored.fingerprint == upload.fingerprint)
        if stored is None:
            complete = False
        elif current or upload is None or not must_step_aside(view, upload, wanted):
            local_versions.add(stored.local_version)
            complete = complete and current
        else:  # its bridge, if there is one, answers meanwhile
            bridge = view.stored_for(bucket_version, {*unfit, int(bucket_version)})
            local_versions |= {bridge.local_version} if bridge is not None else set()
    listed = view.remote is not None and bool(view.remote.versions)
    if view.listed and not listed and all(v.bucket_version in view.gone for v in view.state.stored.values()):
        return Wish(frozenset(), complete=True, remove=True)
    on_trial = view.state.before_trial is not None  # the settings are at fault, and go back
    if not on_trial and any(
        _state(view, local_version) is VersionState.FAILED for local_version in local_versions
    ):
        return Wish(frozenset(local_versions | _fallback(view, local_versions.union(unfit))), complete=False)
    return Wish(frozenset(local_versions), complete)


def _fallback(view: ModelView, excluded: set[int]) -> set[int]:
    """The best other version on the volume, to answer while the server cannot load the right one."""
    others = [
        local_version
        for local_version, version in view.state.stored.items()
        if local_version not in excluded
        and version.bucket_version not in view.gone
        and _state(view, local_version) is not VersionState.FAILED
    ]
    return {max(others)} if others else set()


def _fetching(view: ModelView, wanted: list[str]) -> Iterator[Action]:
    for bucket_version, running in view.fetching.items():
        upload = view.upload(bucket_version)
        if bucket_version not in wanted or upload is None or upload.upload_id != running.upload_id:
            yield CancelFetch(bucket_version)


def _publishing(view: ModelView, wanted: list[str], judgements: Mapping[str, Judgement]) -> Iterator[Action]:
    taken: set[int] = set()
    for bucket_version in wanted:
        upload = view.upload(bucket_version)
        if upload is None or view.is_stored(upload) or not judgements[bucket_version].fetchable:
            continue
        if view.staged.get(bucket_version) == upload.upload_id:
            local_version = number_for(view, upload, wanted)
            if (
                local_version is not None and local_version not in taken
            ):  # two may borrow the same; one waits a round
                taken.add(local_version)
                yield Publish(bucket_version, local_version)
        elif bucket_version not in view.fetching and bucket_version not in view.troubles:
            yield Fetch(bucket_version)


def _configuring(view: ModelView, wish: Wish, configured: tuple[int, ...]) -> Iterator[Action]:
    before, confirmed = view.state.configured, set(view.state.confirmed)
    answering = {n for n in configured if n in before and _state(view, n) is VersionState.AVAILABLE}
    if answering - confirmed:  # also while more is awaited, perhaps for long
        yield Confirm(tuple(sorted(answering | (confirmed & set(configured)))))
    for local_version in sorted(answering):
        bucket_version = view.state.stored[local_version].bucket_version
        if bucket_version in view.state.rejections and _refused(
            view, view.state.stored[local_version], ever=True
        ):
            yield Reject(bucket_version, None)
    if configured != before:
        settings = view.state.settings if before else view.settings
        yield Configure(configured, settings if configured else {})
    elif wish.complete and wish.local_versions == set(configured) == answering == confirmed:
        yield from begin_of_trial(view)


def _clearing(view: ModelView, wish: Wish, configured: tuple[int, ...]) -> Iterator[Action]:
    """Folders that are no longer listed go, but never while the server holds them."""
    in_use = {*configured, *view.state.configured, *wish.local_versions}
    superfluous = superfluous_numbers(view, in_use)
    for local_version, version in sorted(view.state.stored.items()):
        if local_version in configured and configured == view.state.configured:
            to = number_to_take(view, local_version)
            if to is not None:
                yield Renumber(local_version, to)
        elif (
            local_version not in in_use
            and _state(view, local_version) not in _ANSWERS
            and _refused(view, version, ever=True)
        ):
            yield Withdraw(local_version)
        elif local_version in superfluous and has_ended(local_version, view.served):
            yield Delete(local_version)
    stored = {version.bucket_version for version in view.state.stored.values()}
    if view.listed:
        for bucket_version in sorted((view.staged.keys() | view.state.rejections.keys()) - stored):
            if view.upload(bucket_version) is None:
                yield DropStaging(bucket_version)
                yield Reject(bucket_version, None)


def _refused(view: ModelView, version: StoredVersion, *, ever: bool = False) -> bool:
    """Whether the server could not load this content, and is not to be asked again yet (`ever`: or is)."""
    verdict = (
        view.state.rejections.get(version.bucket_version)
        if ever
        else view.active_rejection(version.bucket_version)
    )
    return (
        verdict is not None
        and verdict.stage == RejectedAt.SERVER
        and verdict.upload_id.partition("+")[0] == version.fingerprint
    )


def _state(view: ModelView, local_version: int) -> VersionState | None:
    return None if view.served is None else view.served.get(local_version)
