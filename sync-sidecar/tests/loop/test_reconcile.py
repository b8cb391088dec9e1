from pathlib import Path

import pytest
from hand_sidecar import HandSidecar
from model_sync.planning import plan


@pytest.fixture
def served(tmp_path: Path) -> HandSidecar:
    """A sidecar that has nothing left to do: its one model is served."""
    sidecar = HandSidecar(tmp_path)
    sidecar.store.put("m/1/model.onnx", b"one")
    sidecar.pass_time(40)
    assert sidecar.answering("m") == {b"one"}
    sidecar.step()
    return sidecar


def test_while_nothing_happens_nothing_is_planned(
    served: HandSidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.reconciler.step()
    monkeypatch.setattr(plan, "upload_status", lambda *_: pytest.fail("it was planned"))
    served.clock.advance(1.0)
    assert not served.reconciler.step()


def test_a_look_at_the_bucket_and_a_change_of_the_server_are_planned_at_once(served: HandSidecar) -> None:
    assert not served.reconciler.step()
    assert served.reconciler.step(look=True)
    assert not served.reconciler.step()
    served.ovms.up = False
    assert served.reconciler.step()
    assert not served.reconciler.step()


def test_a_plan_is_made_now_and_then_although_nothing_happened(served: HandSidecar) -> None:
    served.reconciler.step(look=True)
    planned = []
    for _ in range(20):
        served.clock.advance(1.0)
        planned.append(served.reconciler.step())
    assert any(planned)
    assert not all(planned)


def test_a_server_that_stays_away_is_asked_more_and_more_rarely(served: HandSidecar) -> None:
    served.ovms.up = False
    served.reconciler.step(look=True)
    pauses = []
    for _ in range(8):
        served.reconciler.step()
        pauses.append(served.reconciler.next_step_in())
    assert pauses == sorted(pauses)
    assert pauses[0] < 2.5
    assert pauses[-1] == 5.0
    served.ovms.up = True
    served.reconciler.step()
    served.ovms.up = False
    served.reconciler.step()
    assert served.reconciler.next_step_in() == 1.0
