"""A card with other serving settings, from the bucket to the server, with all of it moved by hand."""

from pathlib import Path

import pytest
from edge_common.served_state import VersionState
from fake_ovms import FakeOvms
from hand_sidecar import HandSidecar
from model_sync.planning.rollout import tried_model


def _card(settings: str) -> bytes:
    return f"schema: 1\nserving: {{{settings}}}\n".encode()


class _WatchedOvms(FakeOvms):
    """Counts the polls after which a request for cars that names no version would have waited or failed."""

    gaps = 0
    most_copies = 0

    def poll(self) -> None:
        super().poll()
        cars = self.states.get("cars", {})
        asked = [number for number, state in cars.items() if state is not VersionState.END]
        # a request without a version goes to the highest that was AVAILABLE, also while it is compiled anew
        once = [number for number in asked if ("cars", number) in self.settings]
        if once and cars[max(once)] is not VersionState.AVAILABLE:
            self.gaps += cars[max(once)] is not VersionState.UNLOADING or len(once) == 1
        loaded = [state for states in self.states.values() for state in states.values()]
        self.most_copies = max(self.most_copies, loaded.count(VersionState.AVAILABLE))


@pytest.fixture
def sidecar(tmp_path: Path) -> HandSidecar:
    """It serves version 1 of cars."""
    made = HandSidecar(tmp_path)
    made.ovms = _WatchedOvms(tmp_path)
    made.start()
    made.store.put("cars/1/model.onnx", b"good 1")
    made.pass_time(20)
    return made


def _settings_of(sidecar: HandSidecar) -> str:
    (number,) = sidecar.state.model("cars").configured
    return sidecar.ovms.settings["cars", number]


def _reason(sidecar: HandSidecar) -> str:
    (version,) = sidecar.posted.document["models"]["cars"]["versions"]
    assert version["state"] == "serving"
    return str(version["reason"])


def _step_until_a_bridge_is_listed(sidecar: HandSidecar) -> None:
    """The server has not read that list yet."""
    sidecar.step(look=True)
    while len(sidecar.state.model("cars").configured) < 2:
        sidecar.ovms.poll()
        sidecar.clock.advance(1.0)
        sidecar.step(look=True)


def _gaps(sidecar: HandSidecar) -> int:
    assert isinstance(sidecar.ovms, _WatchedOvms)
    return sidecar.ovms.gaps


def test_good_settings_are_taken_over_and_somebody_answers_all_the_while(sidecar: HandSidecar) -> None:
    sidecar.store.put("cars/model.yaml", _card("nireq: 4"))
    sidecar.pass_time(60)
    assert _settings_of(sidecar) == '{"nireq": 4}'
    assert (_gaps(sidecar), _reason(sidecar)) == (0, "")
    assert sidecar.state.model("cars").configured == (1,)
    assert set(sidecar.state.model("cars").stored) == {1}, "the bridge has left the volume"
    assert isinstance(sidecar.ovms, _WatchedOvms)
    assert sidecar.ovms.most_copies == 2, "the try has ended before the bridge is loaded"


def test_settings_that_the_server_cannot_use_are_named_and_the_entry_is_never_touched(
    sidecar: HandSidecar,
) -> None:
    sidecar.store.put("cars/model.yaml", _card("target_device: GPU"))
    sidecar.pass_time(60)
    assert (_settings_of(sidecar), _gaps(sidecar)) == ("{}", 0)
    assert "cannot load it with the card's new serving settings (target_device: GPU)" in _reason(sidecar)
    assert sidecar.state.model("cars").rejections == {}
    assert all(
        state is VersionState.END
        for name, states in sidecar.ovms.states.items()
        if tried_model(name)
        for state in states.values()
    )
    sidecar.store.put("cars/model.yaml", _card("nireq: 2"))
    sidecar.pass_time(60)
    assert (_settings_of(sidecar), _gaps(sidecar), _reason(sidecar)) == ('{"nireq": 2}', 0, "")


def test_settings_that_could_not_be_used_once_are_tried_again_and_taken_over_without_another_card(
    sidecar: HandSidecar,
) -> None:
    sidecar.store.put("cars/model.yaml", _card("target_device: GPU"))
    sidecar.pass_time(30)
    assert "cannot load it" in _reason(sidecar)
    sidecar.ovms.has_gpu = True
    sidecar.pass_time(90)
    assert (_settings_of(sidecar), _gaps(sidecar), _reason(sidecar)) == ('{"target_device": "GPU"}', 0, "")


@pytest.mark.parametrize("seconds", range(1, 16))
def test_a_rollout_goes_on_wherever_the_sidecar_is_killed(sidecar: HandSidecar, seconds: int) -> None:
    sidecar.store.put("cars/model.yaml", _card("nireq: 4"))
    sidecar.pass_time(seconds)
    sidecar.start()
    sidecar.pass_time(60)
    assert (_settings_of(sidecar), _gaps(sidecar)) == ('{"nireq": 4}', 0)
    assert set(sidecar.volume.stored_versions()) == {("cars", 1)}


def test_a_state_that_is_lost_while_settings_are_tried_leaves_no_entry_behind(sidecar: HandSidecar) -> None:
    sidecar.store.put("cars/model.yaml", _card("nireq: 4"))
    while b"rollout" not in (sidecar.volume.load_config() or b""):
        sidecar.pass_time(1)
    (sidecar.volume.root / ".model-sync" / "state.json").unlink()
    sidecar.start()
    assert b"rollout" not in (sidecar.volume.load_config() or b"")
    sidecar.pass_time(60)
    assert (_settings_of(sidecar), _gaps(sidecar)) == ('{"nireq": 4}', 0)


def test_a_state_that_is_lost_before_the_server_saw_the_bridge_keeps_the_bridge(
    sidecar: HandSidecar,
) -> None:
    sidecar.store.remove_folder("cars/")
    sidecar.store.put("cars/latest/model.onnx", b"good latest")
    sidecar.pass_time(60)
    sidecar.store.put("cars/model.yaml", _card("nireq: 4"))
    _step_until_a_bridge_is_listed(sidecar)
    (sidecar.volume.root / ".model-sync" / "state.json").unlink()
    sidecar.start()
    for _ in range(3):
        sidecar.step()
    sidecar.pass_time(60)
    assert (_settings_of(sidecar), _gaps(sidecar)) == ('{"nireq": 4}', 0)
    assert len(list(sidecar.volume.stored_versions())) == 1


def test_settings_go_back_when_somebody_spoils_their_bridge_before_the_server_saw_it(
    sidecar: HandSidecar,
) -> None:
    sidecar.store.put("cars/model.yaml", _card("nireq: 4"))
    _step_until_a_bridge_is_listed(sidecar)
    (sidecar.volume.version_folder("cars", 2) / "model.onnx").unlink()
    sidecar.clock.advance(3.0)
    sidecar.step()
    assert (sidecar.state.model("cars").configured, sidecar.state.model("cars").settings) == ((1,), {})
    sidecar.pass_time(90)
    assert (_settings_of(sidecar), _gaps(sidecar)) == ('{"nireq": 4}', 0)
