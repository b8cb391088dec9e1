"""SIGKILL at random moments of a publication: nothing half-written, nothing fetched twice, nobody notices."""

import hashlib
import random
import time
from pathlib import Path

import pytest
from edge_stack.measuring.load import Load, summarize
from edge_stack.stack import Stack, StackOptions
from edge_stack.store.store import StoreKind
from quick_settings import QUICK
from tiny_models import write_model
from volume_watch import VolumeWatch
from warm_stack import warm_stack
from watched_store import WatchedStore

WITHIN = 30.0
KILLS = {StoreKind.EMBEDDED: 3, StoreKind.MINIO: 10}
LONGEST_LIFE = 1.6
"""Seconds; a publication takes about as long from its upload to its activation."""
PADDING = 6 * 1024 * 1024
BYTES_PER_SECOND = 16 * 1024 * 1024


def bytes_on_the_volume(stack: Stack, version: int, size: int) -> int | None:
    """How much of the version's model file is there: in parts, or complete (None: nothing may be fetched)."""
    staging = stack.folder.volume / ".model-sync" / "staging" / "car" / str(version)
    published = stack.folder.volume / "car" / str(version) / "model.onnx"
    if published.exists() or (staging / "tree" / "model.onnx").exists():
        return None
    parts = [part.stat().st_size for part in (staging / "parts").glob("*")] if staging.exists() else []
    there = max(parts, default=0)
    return None if there == size else there


@pytest.mark.timeout(480)  # many starts of the sidecar, and preflight stands back behind other work
def test_kills_lose_nothing_and_fetch_nothing_twice(store_kind: StoreKind, tmp_path: Path) -> None:
    kills = KILLS[store_kind]
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails, to repeat it
    moments = random.Random(seed)
    folders = {
        version: write_model(tmp_path / str(version), float(version), padding=PADDING)
        for version in range(1, kills + 2)
    }
    digests = {hashlib.sha256((f / "model.onnx").read_bytes()).hexdigest() for f in folders.values()}
    options = StackOptions(root=tmp_path / "stack", store=store_kind, sidecar_settings=QUICK)
    with warm_stack(options) as stack:
        store = stack.start_store()
        with WatchedStore(store.endpoint, BYTES_PER_SECOND) as watched:
            stack.start_sidecar(S3_ENDPOINT=watched.endpoint)
            stack.start_server()
            stack.push(folders[1], model="car", version=1)
            stack.wait_version("car", 1, "serving", within=WITHIN)
            volume_watch = VolumeWatch(stack.folder.volume, {"car": digests})
            with volume_watch, Load(stack.ports.server_url, "car", threads=2) as load:
                for version in range(2, kills + 2):
                    stack.push(folders[version], model="car", version=version)
                    time.sleep(moments.uniform(0, LONGEST_LIFE))
                    stack.component("sidecar").kill()
                    there = bytes_on_the_volume(
                        stack, version, (folders[version] / "model.onnx").stat().st_size
                    )
                    seen = len(watched.requests)
                    stack.start_sidecar(S3_ENDPOINT=watched.endpoint)
                    stack.wait_version("car", version, "serving", within=WITHIN)
                    key = f"car/{version}/model.onnx"
                    fetched = [one.start for one in watched.requests[seen:] if one.key == key]
                    assert fetched == ([] if there is None else [there]), f"version {version}: {there} bytes"
                time.sleep(0.3)
    summary = summarize(load.answers())
    assert summary.failures == 0, summary.first_error
    assert summary.backward_steps == 0
    assert volume_watch.faults == []
