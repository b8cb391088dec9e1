import os
import signal

import pytest
from car_client import stopping
from car_client.stopping import stop_on_signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_asks_to_stop_and_the_handlers_are_put_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with stop_on_signals() as stop:
        os.kill(os.getpid(), number)
        assert stop.wait(10)
    assert signal.getsignal(number) == before
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_what_outlasts_the_grace_period_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "GRACE_SECONDS", 0.05)
    never = os.pipe()
    left = True
    with stop_on_signals():
        os.kill(os.getpid(), signal.SIGTERM)
        os.read(never[0], 1)
        left = False
    assert left
    for end in never:
        os.close(end)
