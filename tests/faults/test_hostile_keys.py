"""Keys that want to leave their folder.

What no console offers, an S3 client can upload. The simulated thousand is in sync-sidecar's own tests; these
few go through a real store, a real listing and a real volume.
"""

import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from answers import answer_of, put_version, wait_answer
from edge_stack.processes.waiting import wait_until
from edge_stack.stack import Stack
from edge_stack.store.store import BUCKET
from minio import Minio
from minio.error import MinioException
from tiny_models import write_model
from urllib3.exceptions import HTTPError

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(120)]

WITHIN = 30.0
KEYS = (
    *("evil/1/a\\..\\..\\b", "evil/1/..\\x", "evil/1/C:\\x", "evil/1/\\\\host\\share"),
    *("evil/1/a\x01b", "evil/1/line\nbreak", "evil/1/tab\tstop", "evil/1/\x7f", "evil/1/\u202egnp.exe"),
    *("evil/1/" + "long" * 63 + "x.bin", "evil/1/" + "/".join(["deep"] * 60), "evil/1/…/x"),
    *("evil/2/model.onnx/under-a-file", "evil/2/model.onnx", "evil/3/con", "evil/3/.hidden", "evil/3/~root"),
    *("evil/v1/model.onnx", "evil/01/model.onnx", "evil/0/model.onnx", "evil/-1/model.onnx"),
    *("evil/99999999999/model.onnx", "evil/²/model.onnx", "evil/1e3/model.onnx", "evil/latest /model.onnx"),
    *(".model-sync/1/state.json", ".model-sync/state.json", "config.json", "config.json/1/model.onnx"),
    *("_status/x", "trash/1/$(touch escaped)", "-rf/1/model.onnx", "ä/1/model.onnx", "e vil/1/model.onnx"),
    *("n" * 70 + "/1/model.onnx", "lost+found/1/model.onnx", "evil/1/%2e%2e/x", "evil/1/%00"),
)
ALLOWED = {"good", "evil", "trash", "config.json", ".model-sync"}


def upload_all(client: Minio) -> int:
    """Upload every key that the store takes; returns how many."""
    taken = 0
    for key in KEYS:
        try:
            client.put_object(BUCKET, key, BytesIO(b"hostile"), 7)
        except (MinioException, HTTPError, ValueError):
            continue  # the store or the SDK refuses it: one danger less
        taken += 1
    return taken


def _outside(stack: Stack) -> set[Path]:
    """What lies beside the volume and the store's own folder, which change while somebody looks."""
    found: set[Path] = set()
    for folder, inner, files in os.walk(stack.folder.root):
        inner[:] = [
            name for name in inner if Path(folder, name) not in {stack.folder.volume, stack.folder.store_data}
        ]
        found |= {Path(folder, name) for name in (*inner, *files)}
    return found


@pytest.mark.fault(
    f"{len(KEYS)} hostile keys: backslashes, control characters, overlong, colliding, reserved",
    "nothing appears outside <model>/<version>/, the good model is served on and updated",
)
def test_hostile_keys_touch_nothing_but_their_own_version_folder(
    stack: Stack, tmp_path: Path, seen: Callable[[str], None]
) -> None:
    client = stack.store.client()
    put_version(client, write_model(tmp_path / "1", 1.0), "good/1")
    wait_answer(stack, "good", 1.0, within=WITHIN)
    outside = _outside(stack)
    taken = upload_all(client)
    put_version(client, write_model(tmp_path / "2", 2.0), "good/2")
    wait_answer(stack, "good", 2.0, within=WITHIN)
    wait_until("the hostile model told", lambda: _told(stack), within=WITHIN)
    volume = stack.folder.volume
    assert {path.name for path in volume.iterdir()} <= ALLOWED
    versions = {path.name for path in (volume / "evil").glob("*")} if (volume / "evil").exists() else set()
    assert versions <= {"1", "2", "3"}
    assert _outside(stack) - outside == set()
    assert answer_of(stack, "good") == 2.0
    assert taken >= 10
    seen(f"{taken} of {len(KEYS)} keys taken by the store, nothing escaped")


def _told(stack: Stack) -> str | None:
    versions = stack.status()["models"].get("evil", {"versions": []})["versions"]
    told = {entry["source"] for entry in versions if entry["reason"]}
    return None if "1" in told else f"reasons are told for {sorted(told)}"
