"""A served model whose card asks for other serving settings again and again, while requests arrive."""

import json
from pathlib import Path
from typing import Any

import pytest
from answers import entry_of, put_object, put_version
from edge_stack.measuring.load import Load, summarize
from edge_stack.processes.waiting import Probe, wait_until
from edge_stack.stack import Stack, StackOptions
from edge_stack.store.store import StoreKind
from quick_settings import QUICK, TWO_THREADS
from tiny_models import write_model
from warm_stack import warm_stack

WITHIN = 30.0
CHANGES = {StoreKind.EMBEDDED: 12, StoreKind.MINIO: 50}
GOOD: list[dict[str, Any]] = [
    *({"nireq": requests} for requests in range(1, 6)),
    {"plugin_config": {"PERFORMANCE_HINT": "THROUGHPUT"}},
    {"shape": "(1,4)", "nireq": 2},
]
BAD: list[dict[str, Any]] = [
    {"target_device": "GPU"},
    {"shape": "(1,7,3)"},
    {"target_device": "NPU", "nireq": 7},
]


@pytest.mark.timeout(300)  # on a busy machine
def test_changes_of_settings_good_and_bad_fail_no_request(store_kind: StoreKind, tmp_path: Path) -> None:
    # without preflight what cannot be used reaches the server
    settings = {**QUICK, "POLL_INTERVAL": "200ms", "PREFLIGHT": "off"}
    options = StackOptions(
        root=tmp_path / "stack", store=store_kind, sidecar_settings=settings, server_flags=TWO_THREADS
    )
    with warm_stack(options) as stack:
        stack.start_store()
        stack.start_sidecar()
        stack.start_server()
        client = stack.store.client()
        put_version(client, write_model(tmp_path / "model", 1.0), "car/1")
        stack.wait_version("car", 1, "serving", within=WITHIN)
        with Load(stack.ports.server_url, "car", threads=2, pause=0.01) as load:
            for change in range(CHANGES[store_kind]):
                good = change % 2 == 0
                asked = GOOD[change // 2 % len(GOOD)] if good else BAD[change // 2 % len(BAD)]
                card = f"schema: 1\nserving: {json.dumps(asked)}\n"
                put_object(client, "car/model.yaml", card.encode())
                wait_until(
                    f"{asked} {'used' if good else 'refused'}",
                    _settled(stack, asked, good=good),
                    within=WITHIN,
                )
    summary = summarize(load.answers())
    assert summary.failures == 0, summary.first_error
    assert len(load.answers()) > CHANGES[store_kind]


def _settled(stack: Stack, asked: dict[str, Any], *, good: bool) -> Probe:
    def probe() -> str | None:
        entries = json.loads((stack.folder.volume / "config.json").read_bytes())["model_config_list"]
        own = next(entry["config"] for entry in entries if entry["config"]["name"] == "car")
        entry = entry_of(stack, "car", 1)
        used = {key: own.get(key) for key in asked} == asked
        versions = own["model_version_policy"]["specific"]["versions"]
        settled = len(entries) == 1 and versions == [1] and entry["state"] == "serving"
        refused = all(f"{key}: {value}" in str(entry["reason"]) for key, value in asked.items())
        refused = refused and "cannot load it" in str(entry["reason"])
        done = settled and used == good and (not entry["reason"] if good else refused)
        return None if done else f"{entry['state']}: {entry['reason']}; config.json has {own}"

    return probe
