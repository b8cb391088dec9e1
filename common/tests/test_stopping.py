import os
import signal
import subprocess
import sys

import pytest
from edge_common import stopping
from edge_common.stopping import stop_on_signals


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


def test_others_that_have_to_know_are_told() -> None:
    told: list[None] = []
    with stop_on_signals(lambda: told.append(None)):
        os.kill(os.getpid(), signal.SIGTERM)
    assert told == [None]


@pytest.mark.parametrize("threads", ["", "threading.Thread(target=threading.Event().wait).start();"])
def test_leaving_waits_for_no_thread_and_keeps_the_exit_code(threads: str) -> None:
    said = f"{threads} print('said'); leave_now(75)"
    program = f"import threading; from edge_common.stopping import leave_now; {said}"
    done = subprocess.run([sys.executable, "-c", program], timeout=60, check=False, capture_output=True)
    assert (done.returncode, done.stdout) == (75, b"said\n")


def test_a_second_signal_does_not_disturb_the_ending() -> None:
    source = """
import os, signal, sys, time
from edge_common.stopping import Interrupted, raise_on_signals

raise_on_signals()
try:
    print("waiting", flush=True)
    time.sleep(600)
except Interrupted as error:
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGTERM)
    print("ended in order:", error, flush=True)
    sys.exit(error.exit_code)
"""
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "waiting\n"
        program.send_signal(signal.SIGTERM)
        words, _ = program.communicate(timeout=60)
    assert words == "ended in order: interrupted by SIGTERM\n"
    assert program.returncode == 128 + signal.SIGTERM
