"""What wakes the loop before its time."""

import threading

import pytest
from model_sync.loop.wakeup import Wakeup

_LONG = 30.0


@pytest.fixture
def wakeup() -> Wakeup:
    return Wakeup()


def test_nothing_wakes_it_before_its_time() -> None:
    assert Wakeup().wait(0.01) is False


def test_a_request_for_a_listing_is_granted_once(wakeup: Wakeup) -> None:
    wakeup.look()
    wakeup.look()
    assert wakeup.wait(_LONG) is True
    assert wakeup.wait(0) is False


def test_finished_work_wakes_it_and_asks_for_no_listing(wakeup: Wakeup) -> None:
    wakeup.work_done()
    assert wakeup.wait(_LONG) is False


def test_the_end_wakes_it_and_ends_every_pause(wakeup: Wakeup) -> None:
    pausing = threading.Thread(target=wakeup.pause, args=(_LONG,))
    pausing.start()
    wakeup.stop()
    pausing.join(10)
    assert not pausing.is_alive()
    assert wakeup.wait(_LONG) is False
    assert wakeup.stopped
