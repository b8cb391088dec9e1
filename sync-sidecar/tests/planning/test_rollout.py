"""New serving settings for a model that is served: checked, tried on one model, kept or taken back."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from edge_common.served_state import VersionState
from model_sync.planning.actions import CheckSettings, EndTrial, TrySettings
from model_sync.planning.plan import plan_model
from model_sync.planning.rollout import settings_note
from model_sync.planning.snapshot import ModelView
from model_sync.planning.state import ModelState, RefusedSettings, state_from_json, state_to_json
from model_sync.planning.state import State as WholeState
from sync_views import available, state, stored, upload, view

OLD, NEW = {"nireq": 1}, {"nireq": 4}


def _served(**others: Any) -> ModelState:
    return replace(state(stored(1), configured=(1,), confirmed=(1,), settings=OLD), **others)


def _view(model: ModelState, settings: Mapping[str, Any] = NEW, **others: Any) -> ModelView:
    return view(model, upload("1"), **{"served": available(1), "settings": settings, **others})


def test_new_settings_are_tried_in_preflight_first() -> None:
    assert plan_model(_view(_served())).actions == (CheckSettings(1, NEW),)
    assert plan_model(_view(_served(), checking_settings=True)).actions == ()


def test_settings_that_passed_are_written() -> None:
    assert plan_model(_view(_served(), approved_settings=NEW)).actions == (TrySettings(NEW),)


def test_settings_are_not_changed_while_a_version_is_being_activated() -> None:
    loading = replace(_served(), configured=(1, 2), stored={1: stored(1), 2: stored(2)})
    seen = view(
        loading,
        upload("1"),
        upload("2"),
        served={1: VersionState.AVAILABLE, 2: VersionState.LOADING},
        settings=NEW,
        approved_settings=NEW,
    )
    assert plan_model(seen).actions == ()


def test_a_trial_is_kept_when_the_server_has_had_time_to_notice_and_answers() -> None:
    on_trial = _served().with_settings_on_trial(NEW)
    assert plan_model(_view(on_trial, trial_for=1.0)).actions == ()
    assert plan_model(_view(on_trial, trial_for=6.0)).actions == (EndTrial(None),)
    assert on_trial.after_trial(None).settings == NEW


def test_settings_that_the_server_cannot_use_are_taken_back_and_not_tried_again() -> None:
    on_trial = _served().with_settings_on_trial(NEW)
    (end,) = plan_model(_view(on_trial, served={1: VersionState.FAILED}, trial_for=1.0)).actions
    assert isinstance(end, EndTrial)
    assert end.problem is not None
    after = on_trial.after_trial(end.problem)
    assert after.settings == OLD
    assert plan_model(_view(after)).actions == ()
    assert settings_note(_view(after)) == end.problem
    assert plan_model(_view(after, settings={"nireq": 2})).actions == (CheckSettings(1, {"nireq": 2}),)


def test_while_the_server_is_away_a_trial_waits() -> None:
    on_trial = _served().with_settings_on_trial(NEW)
    assert plan_model(_view(on_trial, served=None, trial_for=900.0)).actions == ()


def test_a_trial_that_never_ends_is_taken_back() -> None:
    on_trial = _served().with_settings_on_trial(NEW)
    (end,) = plan_model(_view(on_trial, served={1: VersionState.LOADING}, trial_for=301.0)).actions
    assert isinstance(end, EndTrial)
    assert end.problem is not None


def test_a_trial_survives_a_restart() -> None:
    model = replace(_served().with_settings_on_trial(NEW), refused=RefusedSettings({"nireq": 9}, "no"))
    assert state_from_json(state_to_json(WholeState({"m": model}))) == WholeState({"m": model})
