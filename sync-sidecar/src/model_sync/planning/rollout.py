"""Serving settings that change while a model is served: device, requests in parallel, shape. Pure.

The server compiles a version anew in its place when the settings of its entry change: its requests wait for
as long as that takes, and settings that cannot be used take the model away (measured on OVMS 2026.2.1). So
they are rolled out in three steps, for one model at a time, each recorded before it is made:

1. tried: a second entry in config.json, under a name that no model in the bucket can have, lists the same
   folders with the new settings. What happens to it happens to nobody else;
2. tried well: that entry leaves. The newest version is linked to a free higher number, the bridge;
3. taken over: one change of the model's entry brings the new settings and lists the bridge. The server loads
   what is new before it touches what serves, so the bridge answers while the others are compiled anew.
"""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from edge_common.served_state import RESERVED, VersionState

from model_sync.bucket.keys import MAX_VERSION
from model_sync.planning.actions import (
    Action,
    CheckSettings,
    Configure,
    EndRollout,
    Renumber,
    StartRollout,
    TakeOver,
)
from model_sync.planning.model_snapshot import ModelSnapshot, Rules
from model_sync.planning.state import ModelState, RejectedSettings, Rollout

_PREFIX = f"{RESERVED}rollout."
_DIGITS = 8


def trial_name(model: str, rollout: Rollout) -> str:
    """The name under which a rollout is tried; another for other versions or settings, and for a retry.

    The server remembers what became of a name, so none may be told apart from an earlier try by time alone.
    """
    again = [rollout.rejected_before] if rollout.rejected_before else []
    tried = json.dumps([rollout.versions, rollout.settings, *again], sort_keys=True).encode()
    return f"{_PREFIX}{hashlib.sha256(tried).hexdigest()[:_DIGITS]}.{model}"


def tried_model(name: str) -> str | None:
    """The model whose settings are, or were, tried under this name of the server's; None for any other."""
    return name[len(_PREFIX) + _DIGITS + 1 :] if name.startswith(_PREFIX) else None


def roll_out(model: ModelSnapshot) -> Iterator[Action]:
    """The next step towards the settings that the card asks for, for a model that is served as targeted."""
    rollout = model.state.rollout
    if rollout is None:
        yield from _begin(model)
    elif model.server_busy:
        return
    elif rollout.bridge is None:
        if set(map(model.trial.get, rollout.versions)) == {VersionState.AVAILABLE}:
            # without a free one the highest is compiled in its place, and its requests wait
            yield TakeOver(
                model.free_number if model.free_number <= MAX_VERSION else max(model.state.configured)
            )
    elif not model.trial_holds_files:
        newest = model.state.stored.get(max(rollout.versions))
        if rollout.bridge not in model.state.stored:
            if newest is not None and newest.trusted:
                yield Renumber(newest.local_version, rollout.bridge)
        else:
            listed = {*model.state.configured, rollout.bridge}
            yield Configure(tuple(sorted(listed)), rollout.settings)


def _begin(model: ModelSnapshot) -> Iterator[Action]:
    state, rejected = model.state, model.state.rejected_settings
    if not state.configured or model.settings == state.settings or model.server_busy:
        return
    again_at = math.inf if rejected is None or rejected.retry_at is None else rejected.retry_at
    if rejected is not None and rejected.settings == model.settings and model.now < again_at:
        return
    if model.checked_settings == model.settings:
        yield StartRollout(model.settings)
    elif not model.checking_settings:
        yield CheckSettings(max(state.configured), model.settings)


def end_rollout(model: ModelSnapshot) -> EndRollout | None:
    """How a rollout ends, when it does: kept, rejected, or overtaken by what else happened to the model."""
    rollout = model.state.rollout
    if rollout is None:
        return None
    listed = model.state.configured
    taken_over = is_taken_over(model)
    without_bridge = tuple(n for n in listed if n != rollout.bridge or n in rollout.versions)
    # what somebody has damaged does not load with any settings
    whole = tuple(n for n in listed if n in model.state.stored and not model.state.stored[n].harmed)
    states = {n: model.state_of(n) if taken_over else model.trial.get(n) for n in whole}
    failure = _failure(model, states)
    if failure is not None:
        answers = taken_over and model.state_of(rollout.bridge or 0) is VersionState.AVAILABLE
        why = f"the model server {failure} {describe_change(rollout.before, rollout.settings)}"
        device = rollout.settings.get("target_device", rollout.before.get("target_device"))
        advice = f", or give the server's container the device {device}" if "target_device" in why else ""
        return EndRollout(
            f"{why}; the earlier ones stay. Correct serving in model.yaml{advice}",
            listed if answers else without_bridge,
            # the next try would end the server for all models once more
            None if _ends_server(model) else model.now + model.rules.pause_after(rollout.rejected_before + 1),
        )
    if not taken_over:
        overtaken = set(listed) != set(rollout.versions) or model.settings != rollout.settings
        return EndRollout(None, listed) if overtaken else None
    # the server compiles one after the other: what it has AVAILABLE may still have its turn to come
    compiles = any(
        model.state_of(n) is VersionState.LOADING
        and model.loading_for.get(n, 0.0) <= model.rules.activation_timeout
        for n in listed
    )
    if set(states.values()) - {VersionState.AVAILABLE} or compiles or model.server_busy:
        return None
    # one that a start took for a rollout may be two uploads of one content, which the plans tell apart
    plans_decide = whole != listed or rollout.before == rollout.settings
    return EndRollout(None, listed if plans_decide else without_bridge)


def _failure(model: ModelSnapshot, states: Mapping[int, VersionState | None]) -> str | None:
    loading_for = model.loading_for if is_taken_over(model) else model.trial_loading_for
    if _ends_server(model):
        return "goes away again and again with"
    if model.served is None or model.server_busy:
        return None
    if VersionState.FAILED in states.values():
        return "cannot load it with"
    if max((loading_for.get(n, 0.0) for n in states), default=0.0) > model.rules.activation_timeout:
        return "does not have it available in MODEL_SYNC_ACTIVATION_TIMEOUT with"
    return None


def _ends_server(model: ModelSnapshot) -> bool:
    return bool(model.load_crashes if is_taken_over(model) else model.trial_crashes)


def is_taken_over(model: ModelSnapshot) -> bool:
    """Whether the model's own entry has the settings that are rolled out; only how that ends matters then."""
    rollout = model.state.rollout
    return rollout is not None and rollout.bridge is not None and model.state.settings == rollout.settings


def with_rollout(state: ModelState, settings: Mapping[str, Any]) -> ModelState:
    """The state with `settings` being tried on all that is listed, beside it."""
    before = _times_rejected(state.rejected_settings, settings)
    return replace(state, rollout=Rollout(settings, state.settings, state.configured, rejected_before=before))


def with_bridge(state: ModelState, bridge: int) -> ModelState:
    """The state with the settings tried well, and `bridge` to answer while they are taken over.

    Its number counts as used from here on, though it holds nothing yet.
    """
    if state.rollout is None:
        return state
    highest = max(state.last_local_version, bridge)
    return replace(state, rollout=replace(state.rollout, bridge=bridge), last_local_version=highest)


def after_rollout(
    state: ModelState, reason: str | None, listed: tuple[int, ...], retry_at: float | None = None
) -> ModelState:
    """The state with the settings of its entry kept, or those before for the `reason`; it lists `listed`."""
    bridge = state.rollout.bridge if state.rollout is not None else None
    confirmed = tuple(number for number in listed if number in state.confirmed or number == bridge)
    ended = replace(state, rollout=None, configured=listed, confirmed=confirmed)
    if reason is None or state.rollout is None:
        return ended
    tried = state.rollout
    rejected = RejectedSettings(tried.settings, reason, tried.rejected_before + 1, retry_at)
    return replace(ended, settings=tried.before, rejected_settings=rejected)


def next_rejected_settings(
    before: RejectedSettings | None, settings: Mapping[str, Any], reason: str, *, now: float, rules: Rules
) -> RejectedSettings:
    """The rejection of settings by preflight; `before` is the last one of the same model."""
    attempts = _times_rejected(before, settings) + 1
    return RejectedSettings(settings, reason, attempts, now + rules.pause_after(attempts))


def _times_rejected(before: RejectedSettings | None, settings: Mapping[str, Any]) -> int:
    return before.attempts if before is not None and before.settings == settings else 0


def describe_change(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What a change of settings is, by name."""
    changed = describe_settings({key: after[key] for key in after if before.get(key) != after[key]})
    unset = [f"{key} no longer set" for key in before if key not in after]
    return f"the card's new serving settings ({', '.join(filter(None, [changed, *unset]))})"


def describe_settings(settings: Mapping[str, Any]) -> str:
    """Settings by name, as people write them; empty for none."""
    return ", ".join(f"{key}: {value}" for key, value in settings.items())


def settings_note(model: ModelSnapshot) -> str:
    """What a served version's status says about its settings; empty when they are as the card asks."""
    rollout = model.state.rollout
    if rollout is not None:
        step = "tried beside it" if rollout.bridge is None else "taken over"
        return f"{describe_change(rollout.before, rollout.settings)} are being {step}"
    rejected = model.state.rejected_settings
    if rejected is not None and rejected.settings == model.settings != model.state.settings:
        return rejected.reason
    return model.edit_rejection or ""
