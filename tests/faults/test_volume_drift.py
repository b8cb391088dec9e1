"""Somebody changes the volume while it is used.

The server has two threads for requests, as a pod with two cores would, and clients hold both.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from answers import digest_of, put_version, wait_answer
from edge_stack.measuring.load import Load, summarize
from edge_stack.processes.waiting import wait_until
from edge_stack.stack import Stack, StackOptions
from edge_stack.store.store import StoreKind
from quick_settings import QUICK, TWO_THREADS
from tiny_models import write_model

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(240)]

WITHIN = 60.0
_STRAY = {"schema": 3, "models": {"car": {"stored": "many"}}}
_DRIFTS: dict[str, Callable[[Path], object]] = {
    "config.json is junk": lambda volume: (volume / "config.json").write_text("{"),
    "config.json is gone": lambda volume: (volume / "config.json").unlink(),
    "state.json has other types": lambda volume: (volume / ".model-sync/state.json").write_text(
        json.dumps(_STRAY)
    ),
    "a version lacks its file": lambda volume: (volume / "car/1/model.onnx").unlink(),
    "a model's folder is gone": lambda volume: shutil.rmtree(volume / "car"),
    "our own folder is gone, with the lock": lambda volume: shutil.rmtree(volume / ".model-sync"),
}


@pytest.fixture
def two_threads(tmp_path: Path) -> Iterator[Stack]:
    """Everything runs; the server answers two requests at a time."""
    options = StackOptions(
        root=tmp_path / "stack",
        store=StoreKind.AUTO,
        sidecar_settings={**QUICK, "POLL_INTERVAL": "300ms"},
        server_flags=TWO_THREADS,
    )
    with Stack(options) as stack:
        stack.start_store()
        stack.start_sidecar()
        stack.start_server()
        yield stack


def _mended(stack: Stack) -> list[str]:
    return [f"{entry['at']} {entry['what']}" for entry in stack.status()["mended"]]


def _not_whole(volume: Path, digest: str) -> str | None:
    """What is not yet as it was published; None when all is."""
    try:
        entries = json.loads((volume / "config.json").read_bytes())["model_config_list"]
        state = json.loads((volume / ".model-sync/state.json").read_bytes())
        stored = [(one["local_version"], one["fingerprint"]) for one in state["models"]["car"]["stored"]]
        held = digest_of(volume / "car/1/model.onnx") == digest
        listed = [entry["config"]["model_version_policy"]["specific"]["versions"] for entry in entries]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return repr(error)
    lock = (volume / ".model-sync/lock").exists()
    whole = held and lock and listed == [[1]] and [number for number, _ in stored] == [1]
    harmed = any(fingerprint.startswith(("damaged", "missing")) for _, fingerprint in stored)
    return None if whole and not harmed else f"files {held}, lock {lock}, listed {listed}, stored {stored}"


@pytest.mark.fault(
    f"{'; '.join(_DRIFTS)}; all the while two clients hold the server's two threads",
    "each is put right and told without a restart, no request fails, a new version is served afterwards",
)
def test_what_is_changed_is_put_right_while_requests_go_on(
    two_threads: Stack, tmp_path: Path, seen: Callable[[str], None]
) -> None:
    stack, volume = two_threads, two_threads.folder.volume
    client = stack.store.client()
    put_version(client, write_model(tmp_path / "1", 1.0), "car/1")
    wait_answer(stack, "car", 1.0, within=WITHIN)
    digest = digest_of(tmp_path / "1/model.onnx")
    wait_until("the first version alone", lambda: _not_whole(volume, digest), within=WITHIN)
    with Load(stack.ports.server_url, "car", threads=2) as load:
        for drift, change in _DRIFTS.items():
            told = _mended(stack)
            change(volume)

            def look(told: list[str] = told) -> str | None:
                return _not_whole(volume, digest) or (None if _mended(stack) != told else "nothing is told")

            wait_until(f"all is put right after: {drift}", look, within=WITHIN)
        put_version(client, write_model(tmp_path / "2", 2.0), "car/2")
        wait_answer(stack, "car", 2.0, within=WITHIN)
    summary = summarize(load.answers())
    assert summary.failures == 0, summary.first_error
    seen(f"{len(_DRIFTS)} changes put right, 0 of {summary.requests} requests failed")


@pytest.mark.fault(
    "five new versions while two clients hold the server's two threads all the time",
    "each is served, no request fails",
)
def test_versions_are_swapped_while_clients_hold_every_thread_of_the_server(
    two_threads: Stack, tmp_path: Path, seen: Callable[[str], None]
) -> None:
    client = two_threads.store.client()
    put_version(client, write_model(tmp_path / "1", 1.0), "car/1")
    wait_answer(two_threads, "car", 1.0, within=WITHIN)
    with Load(two_threads.ports.server_url, "car", threads=2) as load:
        for version in range(2, 7):
            put_version(client, write_model(tmp_path / str(version), float(version)), f"car/{version}")
            wait_answer(two_threads, "car", float(version), within=WITHIN)
    summary = summarize(load.answers())
    assert summary.failures == 0, summary.first_error
    seen(f"5 swaps, 0 of {summary.requests} requests failed")
