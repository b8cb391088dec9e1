"""Actions carried out on a real volume, one plan at a time."""

import errno
from dataclasses import replace
from pathlib import Path

import pytest
from hand_sidecar import HandSidecar
from model_sync.loop.apply import Applier
from model_sync.model_server.config import configured_versions
from model_sync.planning.actions import (
    Action,
    Configure,
    Confirm,
    Delete,
    EndRollout,
    Fetch,
    Publish,
    Reject,
    Renumber,
    StartRollout,
    Withdraw,
)
from model_sync.planning.disk_budget import Evictable
from model_sync.planning.state import RejectedAt, Rejection


@pytest.fixture
def sidecar(tmp_path: Path) -> HandSidecar:
    """It serves version 2 of cars and keeps version 1; version 3 lies in staging."""
    made = HandSidecar(tmp_path)
    for version in ("1", "2"):
        made.store.put(f"cars/{version}/model.onnx", f"good {version}".encode())
        made.pass_time(30)
    made.store.put("cars/3/model.onnx", b"good 3")
    made.step(look=True)
    made.clock.advance(6.0)
    made.step(look=True)
    made.jobs.run_next()
    made.reconciler.applier.take_in_ended_work()
    return made


@pytest.fixture
def applier(sidecar: HandSidecar) -> Applier:
    return sidecar.reconciler.applier


def _apply(sidecar: HandSidecar, *actions: Action, model: str = "cars") -> list[str]:
    reconciler = sidecar.reconciler
    plan = reconciler.plans["cars"]
    planned = replace(plan, model=replace(plan.model, name=model), actions=actions)
    return reconciler.applier.apply(reconciler.snapshot, {model: planned})


def _file(sidecar: HandSidecar, local_version: int) -> Path:
    return sidecar.volume.version_folder("cars", local_version) / "model.onnx"


def test_publishing_puts_a_recorded_folder_in_place_and_asks_for_a_new_plan(sidecar: HandSidecar) -> None:
    assert _apply(sidecar, Publish("3", 3)) == ["cars"]
    assert _file(sidecar, 3).read_bytes() == b"good 3"
    recorded = sidecar.volume.load_state()
    assert recorded is not None
    assert set(recorded.model("cars").stored) == {1, 2, 3}
    listed = configured_versions(sidecar.volume.load_config() or b"")
    assert listed == {"cars": (2,)}, "listing it is another action"


def test_configuring_writes_what_the_server_is_to_serve(sidecar: HandSidecar, applier: Applier) -> None:
    assert _apply(sidecar, Configure((1, 2), {"nireq": 2})) == []
    config = (sidecar.volume.load_config() or b"").decode()
    assert '"nireq": 2' in config
    assert applier.state.model("cars").confirmed == (2,), "1 has to answer anew"
    _apply(sidecar, Configure((), {}))
    assert "cars" not in (sidecar.volume.load_config() or b"").decode()


def test_what_answers_is_confirmed_and_no_longer_kept_in_staging(
    sidecar: HandSidecar, applier: Applier
) -> None:
    _apply(sidecar, Publish("3", 3), Configure((2, 3), {}))
    assert sidecar.volume.staging_folder("cars", "3").exists(), "to go back to"
    _apply(sidecar, Confirm((2, 3)))
    assert applier.state.model("cars").confirmed == (2, 3)
    assert not sidecar.volume.staging_folder("cars", "3").exists()


def test_a_withdrawn_version_goes_back_to_staging_and_is_not_fetched_again(
    sidecar: HandSidecar, applier: Applier
) -> None:
    _apply(sidecar, Publish("3", 3))
    assert _apply(sidecar, Withdraw(3)) == ["cars"]
    assert not _file(sidecar, 3).exists()
    assert 3 not in applier.state.model("cars").stored
    staged = sidecar.volume.staging_folder("cars", "3").rglob("model.onnx")
    assert [path.read_bytes() for path in staged] == [b"good 3"]


def test_a_version_that_somebody_changed_does_not_go_back_to_staging(sidecar: HandSidecar) -> None:
    _apply(sidecar, Publish("3", 3))
    _file(sidecar, 3).write_bytes(b"evil 3")
    _apply(sidecar, Withdraw(3))
    assert not _file(sidecar, 3).exists()
    assert not list(sidecar.volume.staging_folder("cars", "3").rglob("model.onnx"))


def test_a_bridge_shares_its_content_with_its_own_number(sidecar: HandSidecar) -> None:
    _apply(sidecar, Renumber(2, 7))
    assert _file(sidecar, 7).read_bytes() == _file(sidecar, 2).read_bytes()
    assert sidecar.state.model("cars").stored[7].bucket_version == "2"


def test_deleting_twice_is_deleting_once(sidecar: HandSidecar, applier: Applier) -> None:
    _apply(sidecar, Delete(1), Delete(1))
    assert not _file(sidecar, 1).parent.exists()
    assert set(applier.state.model("cars").stored) == {2}


def test_a_fetch_makes_room_first(sidecar: HandSidecar, applier: Applier) -> None:
    sidecar.store.put("cars/4/model.onnx", b"good 4")
    sidecar.step(look=True)
    evicted = Evictable("cars", 1, 6, 0.0)
    _apply(sidecar, Fetch("4", (evicted,)))
    assert not _file(sidecar, 1).exists()
    assert applier.under_way.jobs.is_running(("cars", "4"))


def test_a_rejection_is_recorded_and_cleared(sidecar: HandSidecar) -> None:
    rejection = Rejection("id", "it is no model", RejectedAt.CHECK, 0.0)
    _apply(sidecar, Reject("9", rejection))
    recorded = sidecar.volume.load_state()
    assert recorded is not None
    assert recorded.model("cars").rejections == {"9": rejection}
    _apply(sidecar, Reject("9", None))
    assert sidecar.state.model("cars").rejections == {}


def test_new_settings_are_tried_for_one_model_at_a_time_and_taken_back(sidecar: HandSidecar) -> None:
    sidecar.store.put("dogs/1/model.onnx", b"good dogs")
    sidecar.pass_time(30)
    _apply(sidecar, StartRollout({"nireq": 4}))
    _apply(sidecar, StartRollout({"nireq": 9}), model="dogs")
    config = (sidecar.volume.load_config() or b"").decode()
    assert '"nireq": 4' in config
    assert '"nireq": 9' not in config
    _apply(sidecar, EndRollout("the server cannot use them", (1,)))
    assert "nireq" not in (sidecar.volume.load_config() or b"").decode()
    rejected = sidecar.state.model("cars").rejected_settings
    assert rejected is not None
    assert (rejected.settings, rejected.reason) == ({"nireq": 4}, "the server cannot use them")


def test_what_the_volume_refuses_is_the_write_error_of_its_model_until_it_succeeds(
    sidecar: HandSidecar, applier: Applier, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(sidecar.volume, "publish", refuse)
        assert _apply(sidecar, Publish("3", 3)) == [], "a new plan would see nothing new"
    assert "No space left on device" in applier.under_way.write_errors["cars"]
    assert 3 not in applier.state.model("cars").stored
    sidecar.pass_time(40)
    assert applier.under_way.write_errors == {}
    assert sidecar.answering("cars") == {b"good 3"}


def test_a_listing_drops_what_was_staged_for_uploads_that_are_gone(sidecar: HandSidecar) -> None:
    stray = sidecar.volume.staging_folder("ghosts", "1")
    stray.mkdir(parents=True)
    sidecar.step(look=True)
    assert not stray.parent.exists()
    assert sidecar.volume.version_folder("cars", 2).exists()
