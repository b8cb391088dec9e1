"""Somebody alters a version after it was signed."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from answers import digest_of, entry_of, put_version, wait_answer
from edge_stack.measuring.load import Load, summarize
from edge_stack.processes.waiting import wait_until
from edge_stack.stack import Stack
from faulty_store import Change, FaultyStore
from model_sync.upload.folder import sign_folder
from signing_keys import MadeKey
from store_faults import objects
from tiny_models import write_model

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(180)]

WITHIN = 30.0


def _instead_of(good: bytes, evil: bytes) -> Change:
    """Other content of the same size in place of `good`."""
    return lambda reply: replace(reply, body=reply.body.replace(good, evil))


def _alter_with_its_record(volume: Path, evil: bytes) -> None:
    (volume / "car/3/model.onnx").write_bytes(evil)
    record = volume / ".model-sync/state.json"
    state: dict[str, Any] = json.loads(record.read_bytes())
    for file in (file for version in state["models"]["car"]["stored"] for file in version["files"]):
        if file["path"] == "model.onnx":
            file |= {"size": len(evil), "sha256": hashlib.sha256(evil).hexdigest()}
    record.write_text(json.dumps(state))


def is_whole(file: Path, digest: str) -> bool:
    return file.exists() and digest_of(file) == digest


@pytest.mark.fault(
    "a model is altered after it was signed: in the bucket, with fitting SHA256SUMS; on the way; on the "
    "volume, with a fitting record",
    "it is refused by the name of the file and the signer, or fetched again; no request fails",
)
def test_what_is_altered_after_it_was_signed_is_not_served(
    idle_stack: Stack, tmp_path: Path, seen: Callable[[str], None]
) -> None:
    key = MadeKey(tmp_path / "own")
    key.trust(tmp_path / "trusted")

    def signed(version: int) -> Path:
        folder = write_model(tmp_path / str(version), float(version))
        sign_folder(folder, key.file)
        return folder

    asked = {"SIGNATURES": "require", "TRUSTED_KEYS": str(tmp_path / "trusted"), "EVENTS": "off"}
    evil = (write_model(tmp_path / "evil", 6.0) / "model.onnx").read_bytes()
    client, volume = idle_stack.store.client(), idle_stack.folder.volume
    with FaultyStore(idle_stack.store.endpoint) as relay:
        sidecar = idle_stack.start_sidecar(S3_ENDPOINT=relay.endpoint, **asked)
        idle_stack.start_server()
        put_version(client, signed(1), "car/1")
        wait_answer(idle_stack, "car", 1.0, within=WITHIN)

        def told_of_3() -> bool:
            return bool(entry_of(idle_stack, "car", 3).get("reason")) and relay.struck > 1

        with Load(idle_stack.ports.server_url, "car", threads=1) as load:
            in_the_bucket = signed(2)
            (in_the_bucket / "model.onnx").write_bytes(evil)
            put_version(client, in_the_bucket, "car/2")
            reason = idle_stack.wait_version("car", 2, "rejected", within=WITHIN)["reason"]
            good = signed(3)
            relay.fault = (objects("3/model.onnx"), _instead_of((good / "model.onnx").read_bytes(), evil))
            put_version(client, good, "car/3")
            wait_until("a reason", lambda: None if told_of_3() else "there is none", within=WITHIN)
            assert idle_stack.status()["models"]["car"]["serving"] == [1]
            relay.fault = None
            wait_answer(idle_stack, "car", 3.0, within=WITHIN)
            file = volume / "car/3/model.onnx"
            digest = digest_of(file)
            sidecar.kill()
            _alter_with_its_record(volume, evil)
            idle_stack.start_sidecar(S3_ENDPOINT=relay.endpoint, **asked)
            wait_until("the signed file", lambda: None if is_whole(file, digest) else "not", within=WITHIN)
            wait_answer(idle_stack, "car", 3.0, within=WITHIN)
    assert reason.startswith("'model.onnx' is not what was signed by sha256:"), reason
    summary = summarize(load.answers())
    assert summary.failures == 0, summary.first_error
    seen(f"refused once, fetched again twice, 0 of {summary.requests} requests failed")
