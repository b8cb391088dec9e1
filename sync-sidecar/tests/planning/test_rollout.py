"""New serving settings for a model that is served: checked, tried beside it, taken over or taken back."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from edge_common.served_state import VersionState
from model_snapshots import NOW, available, snap, state, stored, upload
from model_sync.bucket.keys import MAX_VERSION
from model_sync.model_server.config import configured_versions, format_config
from model_sync.planning.actions import (
    CheckSettings,
    Configure,
    EndRollout,
    Renumber,
    StartRollout,
    TakeOver,
)
from model_sync.planning.activation import local_version_for
from model_sync.planning.model_snapshot import ModelSnapshot, Rules
from model_sync.planning.plan import ModelPlan, plan, plan_model
from model_sync.planning.rollout import (
    after_rollout,
    end_rollout,
    next_rejected_settings,
    settings_note,
    trial_name,
    tried_model,
    with_bridge,
    with_rollout,
)
from model_sync.planning.snapshot import BucketSnapshot, ServerSnapshot, Snapshot
from model_sync.planning.state import ModelState, RejectedSettings, State, missing
from model_sync.planning.state_json import state_from_json, state_to_json

OLD, NEW = {"nireq": 1}, {"nireq": 4, "target_device": "GPU"}
NAMED = "the card's new serving settings (nireq: 4, target_device: GPU)"
LATER = round(NOW) + 1000
A, L, F = VersionState.AVAILABLE, VersionState.LOADING, VersionState.FAILED


def _served(**others: Any) -> ModelState:
    return replace(state(stored(1), configured=(1,), confirmed=(1,), settings=OLD), **others)


def _snapshot(model: ModelState, settings: Mapping[str, Any] = NEW, **others: Any) -> ModelSnapshot:
    trial = others.get("trial")
    tried = (trial,) if trial else ()
    given = {"served": available(1), "settings": settings, "tried": tried, **others}
    return snap(model, upload("1"), **given)


TRIED = with_rollout(_served(), NEW)
BRIDGED = with_bridge(TRIED, 2)
LINKED = BRIDGED.with_stored(stored(2, bucket_version="1"))
TAKEN_OVER = replace(LINKED, configured=(1, 2), settings=NEW)


def _ending(model: ModelSnapshot) -> EndRollout:
    (end,) = plan_model(model).actions
    assert isinstance(end, EndRollout)
    return end


def test_new_settings_are_tried_in_preflight_first() -> None:
    assert plan_model(_snapshot(_served())).actions == (CheckSettings(1, NEW),)
    assert plan_model(_snapshot(_served(), checking_settings=True)).actions == ()


def test_settings_that_passed_are_tried_on_the_server_unless_it_is_busy() -> None:
    assert plan_model(_snapshot(_served(), checked_settings=NEW)).actions == (StartRollout(NEW),)
    assert plan_model(_snapshot(_served(), checked_settings=NEW, server_busy=True)).actions == ()


def test_settings_are_not_changed_while_a_version_is_being_activated() -> None:
    loading = replace(_served(), configured=(1, 2), stored={1: stored(1), 2: stored(2)})
    seen = snap(
        loading,
        upload("1"),
        upload("2"),
        served={1: VersionState.AVAILABLE, 2: VersionState.LOADING},
        settings=NEW,
        checked_settings=NEW,
    )
    assert plan_model(seen).actions == ()


def test_they_are_tried_in_the_last_entry_under_a_name_that_is_no_model_and_the_models_own_stays() -> None:
    whole = State({"m": TRIED, "z": _served()})
    content = format_config(whole, Path("/models"))
    own, other, tried = [entry["config"] for entry in json.loads(content)["model_config_list"]]
    assert (own["name"], own["nireq"], other["name"]) == ("m", 1, "z")
    assert "target_device" not in own
    assert (tried["base_path"], tried["nireq"], tried["target_device"]) == ("/models/m", 4, "GPU")
    assert tried["model_version_policy"] == {"specific": {"versions": [1]}}
    assert tried_model(tried["name"]) == "m"
    assert configured_versions(content) == {"m": (1,), "z": (1,)}
    after = json.loads(format_config(State({"m": BRIDGED}), Path("/models")))["model_config_list"]
    assert [entry["config"]["name"] for entry in after] == ["m"]


def test_other_settings_and_other_versions_are_tried_under_other_names() -> None:
    models = (_served(), _served(configured=(1, 2)))
    rollouts = [with_rollout(model, settings).rollout for model in models for settings in (OLD, NEW)]
    names = {trial_name("my.model_1", rollout) for rollout in rollouts if rollout is not None}
    assert len(names) == 4
    assert {tried_model(name) for name in names} == {"my.model_1"}
    assert tried_model("my.model_1") is None


def test_settings_that_the_server_could_load_are_taken_over_by_a_bridge_above_every_number() -> None:
    assert plan_model(_snapshot(TRIED, trial={1: L})).actions == ()
    assert plan_model(_snapshot(TRIED, trial={1: A})).actions == (TakeOver(2),)
    assert plan_model(_snapshot(TRIED, trial={1: A}, server_busy=True)).actions == ()
    with_more = snap(TRIED, upload("1"), upload("7"), served=available(1), settings=NEW, trial={1: A})
    assert TakeOver(8) in plan_model(with_more).actions


def test_the_bridge_is_made_when_the_try_holds_no_memory_any_more_and_listed_with_the_settings() -> None:
    assert plan_model(_snapshot(BRIDGED, trial={1: VersionState.UNLOADING})).actions == ()
    ended = {1: VersionState.END}
    assert plan_model(_snapshot(BRIDGED, trial=ended)).actions == (Renumber(1, 2),)
    assert plan_model(_snapshot(LINKED, trial=ended)).actions == (Configure((1, 2), NEW),)


@pytest.mark.parametrize(("arrives", "number"), [("latest", LATER + 2), (str(LATER + 1), None), ("2", 2)])
def test_what_arrives_before_a_bridge_is_made_does_not_get_its_number(
    arrives: str, number: int | None
) -> None:
    reserved = with_bridge(with_rollout(_served(last_local_version=LATER), NEW), LATER + 1)
    new = upload(arrives, "new")
    seen = snap(reserved, upload("1"), new, staged={arrives: new.upload_id}, served=available(1))
    assert local_version_for(seen, new, [arrives]) == number


def test_a_bridge_stays_until_all_are_compiled_anew_and_leaves_in_one_change() -> None:
    for served in ({1: A}, {1: A, 2: L}, {1: L, 2: A}):
        assert plan_model(_snapshot(TAKEN_OVER, served=served)).actions == ()
    end = _ending(_snapshot(TAKEN_OVER, served={1: A, 2: A}))
    assert end == EndRollout(None, (1,))
    after = after_rollout(TAKEN_OVER, end.reason, end.local_versions)
    assert (after.settings, after.configured, after.confirmed, after.rollout) == (NEW, (1,), (1,), None)


def test_nothing_is_published_over_a_model_whose_settings_are_taken_over() -> None:
    both = TAKEN_OVER.with_stored(stored(9))
    seen = snap(both, upload("1"), upload("9"), served={1: L, 2: A}, settings=NEW)
    assert plan_model(seen).actions == ()


def test_a_version_that_arrives_meanwhile_ends_the_try() -> None:
    seen = snap(replace(TRIED, configured=(1, 2)), upload("1"), settings=NEW, served={1: A, 2: L})
    assert EndRollout(None, (1, 2)) in plan_model(seen).actions
    assert _ending(_snapshot(TRIED, settings={"nireq": 2})) == EndRollout(None, (1,))


def test_settings_that_the_server_cannot_use_are_named_and_tried_again_only_later() -> None:
    end = _ending(_snapshot(TRIED, trial={1: F}))
    assert end.local_versions == (1,)
    assert end.reason is not None
    assert end.reason.startswith(f"the model server cannot load it with {NAMED}; the earlier ones stay")
    after = after_rollout(TRIED, end.reason, end.local_versions, end.retry_at)
    assert (after.settings, after.configured) == (OLD, (1,))
    assert plan_model(_snapshot(after)).actions == ()
    assert plan_model(_snapshot(after, now=NOW + 59.9)).actions == ()
    assert plan_model(_snapshot(after, now=NOW + 60.0)).actions == (CheckSettings(1, NEW),)
    assert settings_note(_snapshot(after)) == end.reason
    assert plan_model(_snapshot(after, settings={"nireq": 2})).actions == (CheckSettings(1, {"nireq": 2}),)


def test_the_pauses_before_a_retry_grow_to_an_hour_and_each_try_has_a_name_of_its_own() -> None:
    model, pauses, names = _served(), [], set()
    for _ in range(9):
        tried = with_rollout(model, NEW)
        assert tried.rollout is not None
        names.add(trial_name("m", tried.rollout))
        end = _ending(_snapshot(tried, trial={1: F}))
        assert end.retry_at is not None
        pauses.append((end.retry_at - NOW) / 60)
        model = after_rollout(tried, end.reason, end.local_versions, end.retry_at)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert len(names) == 9, "the server remembers what became of a name"
    assert {tried_model(name) for name in names} == {"m"}
    other = with_rollout(model, {"nireq": 2}).rollout
    assert other is not None
    assert other.rejected_before == 0


def test_settings_that_preflight_rejects_wait_as_long_and_a_try_that_is_overtaken_forgets_nothing() -> None:
    first = next_rejected_settings(None, NEW, "no", now=NOW, rules=Rules())
    second = next_rejected_settings(first, NEW, "no", now=NOW, rules=Rules())
    assert (first.retry_at, second.retry_at) == (NOW + 60, NOW + 120)
    assert next_rejected_settings(second, OLD, "no", now=NOW, rules=Rules()).attempts == 1
    tried = with_rollout(_served(rejected_settings=second), NEW)
    assert after_rollout(tried, None, (1,)).rejected_settings == second


def test_settings_in_use_are_not_told_as_rejected_though_they_were_once() -> None:
    once = RejectedSettings(NEW, "the memory was short", 1, NOW)
    assert settings_note(_snapshot(_served(rejected_settings=once))) == once.reason
    assert settings_note(_snapshot(_served(rejected_settings=once, settings=NEW))) == ""


def test_a_try_that_never_ends_or_that_ends_the_server_is_rejected() -> None:
    slow = _ending(_snapshot(TRIED, trial={1: L}, trial_loading_for={1: 301.0}))
    assert "MODEL_SYNC_ACTIVATION_TIMEOUT" in str(slow.reason)
    deadly = _ending(_snapshot(TRIED, served=None, trial_crashes={1: 0}))
    assert "goes away again and again" in str(deadly.reason)
    assert slow.retry_at is not None
    after = after_rollout(TRIED, deadly.reason, (1,), deadly.retry_at)
    assert plan_model(_snapshot(after, now=NOW + 1e9)).actions == (), "it would end the server for all again"


def test_while_the_server_is_away_or_busy_a_rollout_waits() -> None:
    for model in (TRIED, BRIDGED, LINKED, TAKEN_OVER):
        assert plan_model(_snapshot(model, served=None)).actions == ()
        busy = _snapshot(model, served={1: A, 2: A}, trial={1: F}, server_busy=True)
        assert plan_model(busy).actions == ()


def test_settings_that_fail_although_they_were_tried_go_back_and_what_answers_stays_listed() -> None:
    lost = _ending(_snapshot(TAKEN_OVER, served={1: F, 2: A}))
    assert lost.local_versions == (1, 2)
    after = after_rollout(TAKEN_OVER, lost.reason, lost.local_versions)
    assert (after.settings, after.configured, after.confirmed) == (OLD, (1, 2), (1, 2))
    both = _ending(_snapshot(TAKEN_OVER, served={1: F, 2: F}))
    assert both.local_versions == (1,)
    rejected = plan_model(_snapshot(TAKEN_OVER, served={1: A, 2: F})).actions
    assert [type(action) for action in rejected] == [EndRollout], "no upload is at fault"


def test_a_folder_that_somebody_took_away_is_not_held_against_the_settings() -> None:
    gone = replace(stored(1), fingerprint=missing(stored(1).fingerprint), files=())
    taken_over = TAKEN_OVER.with_stored(gone)
    assert end_rollout(_snapshot(taken_over, served={1: L, 2: A})) is None, "others may be compiled after it"
    waits_long = _snapshot(taken_over, served={1: L, 2: A}, loading_for={1: 1e9})
    kept = end_rollout(waits_long)
    assert kept is not None
    assert (kept.reason, kept.local_versions) == (None, (1, 2)), "the bridge is what answers"
    assert end_rollout(_snapshot(taken_over, served={1: L, 2: L})) is None


def test_without_a_free_number_the_highest_is_compiled_in_its_place() -> None:
    highest = state(stored(MAX_VERSION), configured=(MAX_VERSION,), confirmed=(MAX_VERSION,), settings=OLD)
    name = str(MAX_VERSION)
    seen = snap(
        with_rollout(highest, NEW),
        upload(name),
        settings=NEW,
        served=available(MAX_VERSION),
        trial=available(MAX_VERSION),
    )
    assert plan_model(seen).actions == (TakeOver(MAX_VERSION),)
    tried = replace(seen, state=with_bridge(seen.state, MAX_VERSION), trial={})
    assert plan_model(tried).actions == (Configure((MAX_VERSION,), NEW),)


def test_a_folder_that_is_tried_is_not_deleted_and_latest_keeps_its_number() -> None:
    gone = snap(_served(configured=()), served={}, gone={"1"}, tried=({1: VersionState.UNLOADING},))
    assert plan_model(gone).actions == ()
    newest = state(stored(50, bucket_version="latest"), configured=(50,), confirmed=(50,), settings=NEW)
    after = newest.with_stored(stored(51, bucket_version="latest"))
    made = plan_model(snap(after, upload("latest"), served={50: A, 51: VersionState.UNLOADING}, settings=NEW))
    assert made.target.local_versions == {50}
    assert made.actions == ()


def test_what_is_said_of_the_entry_is_found_in_the_servers_answer() -> None:
    assert TRIED.rollout is not None
    name = trial_name("m", TRIED.rollout)
    server = ServerSnapshot(own={}, served={"m": available(1), name: {1: F}}, loading_for={name: {1: 5.0}})
    bucket = BucketSnapshot()
    seen = Snapshot(NOW, 0.0, bucket, server, State({"m": TRIED}))
    model = seen.model("m")
    assert (model.trial, model.trial_loading_for, model.tried) == ({1: F}, {1: 5.0}, ({1: F},))
    made: ModelPlan = plan(seen)["m"]
    assert isinstance(made.actions[0], EndRollout)


def test_a_rollout_survives_a_restart() -> None:
    for model in (TRIED, TAKEN_OVER):
        whole = replace(model, rejected_settings=RejectedSettings({"nireq": 9}, "no", 3, NOW))
        assert state_from_json(state_to_json(State({"m": whole}))) == State({"m": whole})


def test_a_rollout_in_the_models_own_entry_by_an_earlier_program_is_taken_back() -> None:
    written = json.loads(state_to_json(State({"m": replace(_served(), settings=NEW)})))
    entry = written["models"]["m"]
    del entry["rollout"]
    models = {"m": entry | {"before_rollout": OLD}}
    read = state_from_json(json.dumps({"schema": 2, "models": models}).encode())
    assert read.model("m").settings == OLD
