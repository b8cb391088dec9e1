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
from model_sync.planning.judge import Judgement, judge_upload
from model_sync.planning.load_failures import load_failures
from model_sync.planning.model_view import ModelView
from model_sync.planning.replacement import must_step_aside, number_for, number_to_take
from model_sync.planning.retention import superfluous_numbers
from model_sync.planning.settings_change import begin_of_trial, end_of_trial
from model_sync.planning.verdicts import RejectedAt
from model_sync.planning.version_policy import wanted_sources
from model_sync.state import StoredVersion

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
    judgements = {source: judge_upload(view, upload) for source, upload in uploads.items()}
    failures = load_failures(view)
    unfit = _unfit(view, failures)
    wanted = _wanted(view, judgements, unfit)
    wish = _wish(view, wanted, unfit)
    configured = next_configured(view.state.configured, wish, view.served, failures)
    actions: list[Action] = [
        Reject(view.state.stored[number].source, verdict) for number, verdict in failures.items()
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
    for number, version in view.state.stored.items():
        upload = view.upload(version.source)
        outdated = upload is not None and upload.fingerprint != version.fingerprint
        answered = number in view.state.confirmed or _state(view, number) is VersionState.AVAILABLE
        if _refused(view, version) or ((outdated or not version.trusted) and not answered):
            unfit.add(number)
    return unfit


def _wanted(view: ModelView, judgements: Mapping[str, Judgement], unfit: Collection[int]) -> list[str]:
    """Sources that the policy asks for, of those that can be served as far as anybody knows."""
    candidates = {source for source, judgement in judgements.items() if judgement.fetchable}
    for number, version in view.state.stored.items():
        if view.listed:
            eligible = version.source not in view.gone
        else:  # without a listing nothing new is taken up, only what was chosen before
            eligible = number in (view.state.configured or view.state.stored)
        if eligible and number not in unfit:
            candidates.add(version.source)
    return wanted_sources(view.policy, candidates)


def _wish(view: ModelView, wanted: Sequence[str], unfit: Collection[int]) -> Wish:
    numbers: set[int] = set()
    complete = True
    for source in wanted:
        upload, stored = view.upload(source), view.stored_for(source, unfit)
        current = upload is None or (stored is not None and stored.fingerprint == upload.fingerprint)
        if stored is None:
            complete = False
        elif current or upload is None or not must_step_aside(view, upload, wanted):
            numbers.add(stored.number)
            complete = complete and current
        else:  # its bridge, if there is one, answers meanwhile
            bridge = view.stored_for(source, {*unfit, int(source)})
            numbers |= {bridge.number} if bridge is not None else set()
    listed = view.remote is not None and bool(view.remote.versions)
    if view.listed and not listed and all(v.source in view.gone for v in view.state.stored.values()):
        return Wish(frozenset(), complete=True, remove=True)
    on_trial = view.state.before_trial is not None  # the settings are at fault, and go back
    if not on_trial and any(_state(view, number) is VersionState.FAILED for number in numbers):
        return Wish(frozenset(numbers | _fallback(view, numbers.union(unfit))), complete=False)
    return Wish(frozenset(numbers), complete)


def _fallback(view: ModelView, excluded: set[int]) -> set[int]:
    """The best other version on the volume, to answer while the server cannot load the right one."""
    others = [
        number
        for number, version in view.state.stored.items()
        if number not in excluded
        and version.source not in view.gone
        and _state(view, number) is not VersionState.FAILED
    ]
    return {max(others)} if others else set()


def _fetching(view: ModelView, wanted: list[str]) -> Iterator[Action]:
    for source, running in view.fetching.items():
        upload = view.upload(source)
        if source not in wanted or upload is None or upload.upload_mark != running.upload_mark:
            yield CancelFetch(source)


def _publishing(view: ModelView, wanted: list[str], judgements: Mapping[str, Judgement]) -> Iterator[Action]:
    taken: set[int] = set()
    for source in wanted:
        upload = view.upload(source)
        if upload is None or view.is_stored(upload) or not judgements[source].fetchable:
            continue
        if view.staged.get(source) == upload.upload_mark:
            number = number_for(view, upload, wanted)
            if number is not None and number not in taken:  # two may borrow the same; one waits a round
                taken.add(number)
                yield Publish(source, number)
        elif source not in view.fetching and source not in view.troubles:
            yield Fetch(source)


def _configuring(view: ModelView, wish: Wish, configured: tuple[int, ...]) -> Iterator[Action]:
    before, confirmed = view.state.configured, set(view.state.confirmed)
    answering = {n for n in configured if n in before and _state(view, n) is VersionState.AVAILABLE}
    if answering - confirmed:  # also while more is awaited, perhaps for long
        yield Confirm(tuple(sorted(answering | (confirmed & set(configured)))))
    for number in sorted(answering):
        source = view.state.stored[number].source
        if source in view.state.rejections and _refused(view, view.state.stored[number], ever=True):
            yield Reject(source, None)
    if configured != before:
        settings = view.state.settings if before else view.settings
        yield Configure(configured, settings if configured else {})
    elif wish.complete and wish.numbers == set(configured) == answering == confirmed:
        yield from begin_of_trial(view)


def _clearing(view: ModelView, wish: Wish, configured: tuple[int, ...]) -> Iterator[Action]:
    """Folders that are no longer listed go, but never while the server holds them."""
    in_use = {*configured, *view.state.configured, *wish.numbers}
    superfluous = superfluous_numbers(view, in_use)
    for number, version in sorted(view.state.stored.items()):
        if number in configured and configured == view.state.configured:
            to = number_to_take(view, number)
            if to is not None:
                yield Renumber(number, to)
        elif (
            number not in in_use
            and _state(view, number) not in _ANSWERS
            and _refused(view, version, ever=True)
        ):
            yield Withdraw(number)
        elif number in superfluous and has_ended(number, view.served):
            yield Delete(number)
    stored = {version.source for version in view.state.stored.values()}
    if view.listed:
        for source in sorted((view.staged.keys() | view.state.rejections.keys()) - stored):
            if view.upload(source) is None:
                yield DropStaging(source)
                yield Reject(source, None)


def _refused(view: ModelView, version: StoredVersion, *, ever: bool = False) -> bool:
    """Whether the server could not load this content, and is not to be asked again yet (`ever`: or is)."""
    verdict = view.state.rejections.get(version.source) if ever else view.active_rejection(version.source)
    return (
        verdict is not None
        and verdict.stage == RejectedAt.SERVER
        and verdict.upload_mark.partition("+")[0] == version.fingerprint
    )


def _state(view: ModelView, number: int) -> VersionState | None:
    return None if view.served is None else view.served.get(number)
