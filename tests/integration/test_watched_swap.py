"""Versions that do worse than the one before go back by themselves; one that does not stays."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from answers import answer_of, entry_of, put_version
from edge_stack.processes.waiting import wait_until
from edge_stack.stack import Stack, StackOptions
from edge_stack.store.store import StoreKind
from quick_settings import QUICK
from tiny_models import write_model
from warm_stack import warm_stack

WITHIN = 60.0
_MODELS = ("blind", "failing", "fine")
_BEFORE = {"answered": 200, "not_sure": 4, "streaks": 220, "label_set": "cars", "labels": {"a": 98, "b": 98}}


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Stack]:
    """Three models of which a first version serves, beside a server whose metrics can be read."""
    options = StackOptions(
        root=tmp_path / "stack",
        store=StoreKind.EMBEDDED,
        sidecar_settings={**QUICK, "WATCH_AFTER_SWAP": "50s"},
        server_flags=("--rest_workers", "2", "--metrics_enable"),
    )
    with warm_stack(options) as stack:
        stack.start_store()
        stack.start_sidecar()
        stack.start_server()
        _upload(stack, tmp_path, 1)
        yield stack


def _upload(stack: Stack, folder: Path, version: int) -> None:
    client = stack.store.client()
    for model in _MODELS:
        put_version(client, write_model(folder / model / str(version), float(version)), f"{model}/{version}")
    for model in _MODELS:
        stack.wait_version(model, version, "serving", within=WITHIN)


def _ask(stack: Stack, model: str, *, well: bool = True) -> None:
    data = [0, 0, 0, 0] if well else [0]
    body = {"inputs": [{"name": "x", "shape": [1, len(data)], "datatype": "FP32", "data": data}]}
    requests.post(f"{stack.ports.server_url}/v2/models/{model}/infer", json=body, timeout=10)


def _report(stack: Stack, model: str, answered: int, not_sure: int) -> None:
    sure = answered - not_sure
    labels = {"a": sure // 2, "b": sure - sure // 2}
    now = {**_BEFORE, "answered": answered, "not_sure": not_sure, "streaks": answered, "labels": labels}
    body = {"reporter": "gate", "versions": {"1": _BEFORE, "2": now}}
    url = f"{stack.ports.sidecar_url}/v1/models/{model}/observations"
    requests.post(url, json=body, timeout=10)


def _watch_of(stack: Stack, model: str) -> dict[str, Any]:
    told: dict[str, Any] = stack.status()["models"][model]["watch"] or {"state": "none", "requests": 0}
    return told


def _went_back(stack: Stack, model: str, use: Callable[[int], None]) -> Callable[[], str | None]:
    """Use the model once more and look; None when version 1 answers again."""
    uses = iter(range(1, 10_000))

    def look() -> str | None:
        use(next(uses))
        watch, rejected = _watch_of(stack, model), entry_of(stack, model, 2)["state"] == "rejected"
        return None if watch["state"] == "went_back" and rejected else f"{watch}"

    return look


def test_a_version_that_is_clearly_worse_goes_back_and_one_that_is_not_stays(
    watched: Stack, tmp_path: Path
) -> None:
    for _ in range(60):
        _ask(watched, "failing")
    _upload(watched, tmp_path, 2)

    def fail(_round: int) -> None:
        for _ in range(10):
            _ask(watched, "failing", well=False)

    def be_vague(turn: int) -> None:
        _report(watched, "blind", 10 * turn, 10 * turn)
        _report(watched, "fine", 10 * turn, 0)

    wait_until("blind at 1", _went_back(watched, "blind", be_vague), within=WITHIN)
    wait_until("failing at 1", _went_back(watched, "failing", fail), within=WITHIN)
    assert "answers were not sure, as gate reports" in str(entry_of(watched, "blind", 2)["reason"])
    assert "requests to the model server failed" in str(entry_of(watched, "failing", 2)["reason"])
    assert [answer_of(watched, model) for model in _MODELS] == [1.0, 1.0, 2.0]
    assert _watch_of(watched, "fine")["state"] in {"watching", "kept"}
    record = watched.folder.volume / ".model-sync" / "watches" / "blind.jsonl"
    assert record.is_file()
    history = requests.get(f"{watched.ports.sidecar_url}/v1/history", timeout=10).json()["entries"]
    gone = {(entry["event"], entry["model"], entry["version"]) for entry in history}
    assert {("went_back", "blind", "2"), ("went_back", "failing", "2")} <= gone
