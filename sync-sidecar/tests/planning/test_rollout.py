"""New serving settings for a model that is served: checked, tried on one model, kept or taken back."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from edge_common.served_state import VersionState
from model_snapshots import available, snap, state, stored, upload
from model_sync.planning.actions import CheckSettings, EndRollout, StartRollout
from model_sync.planning.model_snapshot import ModelSnapshot
from model_sync.planning.plan import plan_model
from model_sync.planning.rollout import settings_note
from model_sync.planning.state import ModelState, RejectedSettings, state_from_json, state_to_json
from model_sync.planning.state import State as WholeState

OLD, NEW = {"nireq": 1}, {"nireq": 4}


def _served(**others: Any) -> ModelState:
    return replace(state(stored(1), configured=(1,), confirmed=(1,), settings=OLD), **others)


def _snapshot(model: ModelState, settings: Mapping[str, Any] = NEW, **others: Any) -> ModelSnapshot:
    return snap(model, upload("1"), **{"served": available(1), "settings": settings, **others})


def test_new_settings_are_tried_in_preflight_first() -> None:
    assert plan_model(_snapshot(_served())).actions == (CheckSettings(1, NEW),)
    assert plan_model(_snapshot(_served(), checking_settings=True)).actions == ()


def test_settings_that_passed_are_written() -> None:
    assert plan_model(_snapshot(_served(), checked_settings=NEW)).actions == (StartRollout(NEW),)


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


def test_a_rollout_is_kept_when_the_server_has_had_time_to_notice_and_answers() -> None:
    in_rollout = _served().with_rollout(NEW)
    assert plan_model(_snapshot(in_rollout, rollout_for=1.0)).actions == ()
    assert plan_model(_snapshot(in_rollout, rollout_for=6.0)).actions == (EndRollout(None),)
    assert in_rollout.after_rollout(None).settings == NEW


def test_settings_that_the_server_cannot_use_are_taken_back_and_not_tried_again() -> None:
    in_rollout = _served().with_rollout(NEW)
    (end,) = plan_model(_snapshot(in_rollout, served={1: VersionState.FAILED}, rollout_for=1.0)).actions
    assert isinstance(end, EndRollout)
    assert end.reason is not None
    after = in_rollout.after_rollout(end.reason)
    assert after.settings == OLD
    assert plan_model(_snapshot(after)).actions == ()
    assert settings_note(_snapshot(after)) == end.reason
    assert plan_model(_snapshot(after, settings={"nireq": 2})).actions == (CheckSettings(1, {"nireq": 2}),)


def test_while_the_server_is_away_a_rollout_waits() -> None:
    in_rollout = _served().with_rollout(NEW)
    assert plan_model(_snapshot(in_rollout, served=None, rollout_for=900.0)).actions == ()


def test_a_rollout_that_never_ends_is_taken_back() -> None:
    in_rollout = _served().with_rollout(NEW)
    (end,) = plan_model(_snapshot(in_rollout, served={1: VersionState.LOADING}, rollout_for=301.0)).actions
    assert isinstance(end, EndRollout)
    assert end.reason is not None


def test_a_rollout_survives_a_restart() -> None:
    model = replace(_served().with_rollout(NEW), rejected_settings=RejectedSettings({"nireq": 9}, "no"))
    assert state_from_json(state_to_json(WholeState({"m": model}))) == WholeState({"m": model})
