"""The model server goes away.

It is stopped, killed, frozen, and replaced by a stub that dies of one version.
"""

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from answers import answer_of, entry_of, put_version, wait_answer
from edge_stack.processes.command import Command
from edge_stack.processes.waiting import wait_until
from edge_stack.stack import Stack
from tiny_models import write_model
from wrapped_sidecar import SUPPORT

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(150)]

WITHIN = 30.0
AWAY = 4.0
NOT_BLAMED = (
    "nothing is rejected or removed because the server was away; the new version is served when it is back"
)


@pytest.fixture
def serving(stack: Stack, tmp_path: Path) -> Stack:
    """Version 1 of car is served."""
    put_version(stack.store.client(), write_model(tmp_path / "1", 1.0), "car/1")
    wait_answer(stack, "car", 1.0, within=WITHIN)
    return stack


def states(stack: Stack) -> dict[str, str]:
    versions = stack.status()["models"]["car"]["versions"]
    return {entry["source"]: entry["state"] for entry in versions}


def kill(stack: Stack) -> None:
    stack.component("server").kill()


def stop(stack: Stack) -> None:
    stack.processes.stop(stack.component("server"))


def freeze(stack: Stack) -> None:
    stack.component("server").send_signal(signal.SIGSTOP)


def start(stack: Stack) -> None:
    stack.start_server()


def thaw(stack: Stack) -> None:
    stack.component("server").send_signal(signal.SIGCONT)


FAULTS = {"killed (-9)": (kill, start), "stopped": (stop, start), "frozen (SIGSTOP)": (freeze, thaw)}


@pytest.mark.fault("the server is {how} while a new version arrives", NOT_BLAMED)
@pytest.mark.parametrize("how", FAULTS)
def test_an_absent_server_is_no_load_failure_of_a_version(
    serving: Stack, tmp_path: Path, how: str, seen: Callable[[str], None]
) -> None:
    take_away, bring_back = FAULTS[how]
    take_away(serving)
    put_version(serving.store.client(), write_model(tmp_path / "2", 2.0), "car/2")

    def noticed() -> str | None:
        state = serving.status()["server"]["state"]
        return None if state == ("busy" if how.startswith("frozen") else "away") else str(state)

    wait_until("the status says that the server is away, or busy", noticed, within=WITHIN)
    deadline = time.monotonic() + AWAY
    while time.monotonic() < deadline:
        assert "rejected" not in states(serving).values()
        assert (serving.folder.volume / "car" / "1").is_dir()
        time.sleep(0.2)
    bring_back(serving)
    back = wait_answer(serving, "car", 2.0, within=WITHIN)
    seen(f"away for {AWAY:.0f} s and more, new version served {back:.1f} s after it was back")


@pytest.mark.fault("the server is killed (-9) five times in a row while it loads a good version", NOT_BLAMED)
def test_a_server_that_restarts_again_and_again_gets_there(
    serving: Stack, tmp_path: Path, seen: Callable[[str], None]
) -> None:
    for version in range(2, 7):
        folder = write_model(tmp_path / str(version), float(version))
        put_version(serving.store.client(), folder, f"car/{version}")
        time.sleep(0.15 * version)
        kill(serving)
        start(serving)
        assert answer_of(serving, "car") in {float(version), float(version - 1)}
        wait_answer(serving, "car", float(version), within=WITHIN)
    assert "rejected" not in states(serving).values()
    seen("5 kills, 5 versions served")


@pytest.fixture
def fragile(idle_stack: Stack, tmp_path: Path) -> Stack:
    """A stub in place of the server: it loads slowly, and dies while it loads a file that says `crash`."""
    idle_stack.start_sidecar(PREFLIGHT="off", ACTIVATION_TIMEOUT="60s")
    idle_stack.processes.start(
        Command(
            name="server",
            argv=[
                *(sys.executable, "-m", "stub_server", str(idle_stack.ports.server.number)),
                *(idle_stack.folder.volume / "config.json", tmp_path / "deaths"),
            ],
            log=idle_stack.folder.log("server"),
            env={"PYTHONPATH": str(SUPPORT)},
            ports=(idle_stack.ports.server,),
        )
    )
    return idle_stack


@pytest.mark.fault(
    "a version of which the server dies while it loads, each time it starts again",
    "the third death is a load failure: the version is taken back, the old one served, the sentence says so",
)
def test_a_version_that_kills_the_server_three_times_is_taken_back(
    fragile: Stack, tmp_path: Path, seen: Callable[[str], None]
) -> None:
    client = fragile.store.client()
    for version, word in ((1, b"fine"), (2, b"crash")):
        folder = tmp_path / str(version)
        folder.mkdir()
        (folder / "model.onnx").write_bytes(word)
        put_version(client, folder, f"car/{version}")
        state = "serving" if version == 1 else "rejected"
        entry = fragile.wait_version("car", version, state, within=60.0)
    assert "went away 3 times while loading it" in str(entry["reason"])
    wait_until(
        "version 1 served again",
        lambda: None if entry_of(fragile, "car", 1).get("state") == "serving" else str(states(fragile)),
        within=WITHIN,
    )
    deaths = (tmp_path / "deaths").read_text().count("car 2")
    assert deaths == 3
    assert not (fragile.folder.volume / "car" / "2").exists()
    seen(f"{deaths} deaths, then rejected")
