"""One step back and forth again and again, while requests arrive that name no version.

For figures: MODEL_SYNC_TEST_ROLLBACKS=50 pytest -s tests/integration/test_rollbacks_under_load.py -k embedded
"""

import os
import statistics
import time
from pathlib import Path

import pytest
from answers import put_object, put_version
from edge_stack.measuring.load import Load, summarize
from edge_stack.processes.waiting import Probe, wait_until
from edge_stack.stack import Stack
from edge_stack.store.store import BUCKET
from tiny_models import write_model

WITHIN = 60.0
ROLLBACKS = int(os.environ.get("MODEL_SYNC_TEST_ROLLBACKS", "3"))


@pytest.mark.timeout(600)  # on a busy machine
def test_rollbacks_under_load_fail_no_request(stack: Stack, tmp_path: Path) -> None:
    client = stack.store.client()
    for version in (1, 2):
        put_version(client, write_model(tmp_path / str(version), float(version)), f"car/{version}")
        stack.wait_version("car", version, "serving", within=WITHIN)
    took = []
    with Load(stack.ports.server_url, "car", threads=2, pause=0.01) as load:
        for _ in range(ROLLBACKS):
            begun = time.time()
            put_object(client, "car/pin.yaml", b"version: 1\nby: Anna\nreason: a drill\n")
            wait_until("version 1 alone", _serves(stack, 1), within=WITHIN)
            back = [answer.at + answer.seconds for answer in load.answers() if answer.version == 1]
            took.append(min(at for at in back if at > begun) - begun)
            client.remove_object(bucket_name=BUCKET, object_name="car/pin.yaml")
            wait_until("version 2 alone", _serves(stack, 2), within=WITHIN)
    summary = summarize(load.answers())
    assert summary.failures == 0, summary.first_error
    assert summary.versions == (1, 2)
    middle, slowest = statistics.median(took), max(took)
    print(f"{len(took)} rollbacks, {summary.requests} requests: {middle:.2f} s, {slowest:.2f} s at most")  # noqa: T201 - for who measures


def _serves(stack: Stack, version: int) -> Probe:
    def probe() -> str | None:
        told = stack.status()["models"]["car"]
        pinned = (told["pin"] or {}).get("version")
        done = told["serving"] == [version] and pinned == ("1" if version == 1 else None)
        return None if done else f"{told['serving']} served, pinned to {pinned}"

    return probe
