"""What a person who uploads models sees, from the first upload to the last removal."""

import hashlib
import json
import time
from io import BytesIO
from pathlib import Path

import pytest
import requests
from answers import put_version
from edge_common.served_state import VersionState, available_versions
from edge_stack.measuring.load import Load, summarize
from edge_stack.measuring.served_timeline import ServedTimeline
from edge_stack.processes.waiting import wait_until
from edge_stack.stack import Stack, StackOptions
from edge_stack.store.store import BUCKET, StoreKind
from minio import Minio
from quick_settings import QUICK
from tiny_models import write_broken_model, write_model
from volume_watch import VolumeWatch
from warm_stack import warm_stack

WITHIN = 30.0


def answer_of(stack: Stack, model: str) -> float:
    """The model's answer, asked without naming a version."""
    body = {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [0, 0, 0, 0]}]}
    reply = requests.post(f"{stack.ports.server_url}/v2/models/{model}/infer", json=body, timeout=10)
    reply.raise_for_status()
    return float(reply.json()["outputs"][0]["data"][0])


def only_served(stack: Stack, model: str, version: int) -> str | None:
    """A probe: None when exactly `version` of `model` is AVAILABLE, else what is."""
    served = available_versions(stack.served(), model)
    return None if served == [version] else f"{served} served"


def digest_of(folder: Path) -> str:
    return hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest()


def test_uploaded_models_are_served_side_by_side(stack: Stack, tmp_path: Path) -> None:
    stack.push(write_model(tmp_path / "a", 1.0), model="first", version=1)
    stack.wait_version("first", 1, "serving", within=WITHIN)
    stack.push(write_model(tmp_path / "b", 2.0), model="second", version=7)
    stack.wait_version("second", 7, "serving", within=WITHIN)
    assert answer_of(stack, "first") == 1.0
    assert answer_of(stack, "second") == 2.0
    assert stack.status()["models"]["second"]["serving"] == [7]


@pytest.mark.timeout(480)  # under load, and preflight stands back behind the answers
def test_swaps_in_a_row_fail_no_request_and_never_go_back(
    stack: Stack, store_kind: StoreKind, tmp_path: Path
) -> None:
    swaps = 20 if store_kind is StoreKind.MINIO else 5
    stack.push(write_model(tmp_path / "0", 0.0), model="car", version=1)
    stack.wait_version("car", 1, "serving", within=WITHIN)
    with Load(stack.ports.server_url, "car", threads=4) as load:
        for version in range(2, swaps + 2):
            stack.push(write_model(tmp_path / str(version), float(version)), model="car", version=version)
            stack.wait_version("car", version, "serving", within=WITHIN)
        time.sleep(0.3)
    summary = summarize(load.answers())
    assert summary.failures == 0, summary.first_error
    assert summary.backward_steps == 0
    assert summary.versions == tuple(range(1, swaps + 2))


def test_a_broken_version_is_rejected_with_a_reason_while_the_old_one_answers(
    stack: Stack, tmp_path: Path
) -> None:
    stack.push(write_model(tmp_path / "good", 1.0), model="car", version=1)
    stack.push(write_model(tmp_path / "other", 5.0), model="van", version=1)
    stack.wait_version("car", 1, "serving", within=WITHIN)
    stack.wait_version("van", 1, "serving", within=WITHIN)
    with (
        Load(stack.ports.server_url, "car", threads=2) as load,
        ServedTimeline(stack.ports.server_url) as seen,
    ):
        stack.push(write_broken_model(tmp_path / "broken"), model="car", version=2)
        entry = stack.wait_version("car", 2, "rejected", within=WITHIN)
        time.sleep(0.5)
    assert "cannot load it" in entry["reason"]
    assert "upload it again" in entry["reason"]
    assert summarize(load.answers()).failures == 0
    assert summarize(load.answers()).versions == (1,)
    assert {change.version for change in seen.transitions() if change.model == "car"} == {1}, (
        "the server has seen the broken version"
    )
    assert answer_of(stack, "van") == 5.0
    status = json.loads(
        stack.store.client().get_object(BUCKET, "_status/model-sync.json").read()
    )  # the person at the bucket's console reads the same sentence
    told = {entry["source"]: entry for entry in status["models"]["car"]["versions"]}
    assert told["2"]["reason"] == entry["reason"]


def test_files_uploaded_one_by_one_are_never_half_served(stack: Stack, tmp_path: Path) -> None:
    good = write_model(tmp_path / "good", 3.0)
    files = {"labels.txt": b"car\nvan\n", "model.onnx": (good / "model.onnx").read_bytes()}
    client = stack.store.client()
    with (
        VolumeWatch(stack.folder.volume, {"slow": {digest_of(good)}}) as watch,
        ServedTimeline(stack.ports.server_url) as seen,
    ):
        put(client, "slow/1/labels.txt", files["labels.txt"])
        entry = stack.wait_version("slow", 1, "waiting", within=WITHIN)
        assert "model file" in entry["reason"]
        time.sleep(2)  # longer than the upload may be quiet
        put(client, "slow/1/model.onnx", files["model.onnx"])
        stack.wait_version("slow", 1, "serving", within=WITHIN)
    assert watch.faults == []
    assert watch.looks > 10
    assert VersionState.FAILED not in {change.state for change in seen.transitions()}
    assert (stack.folder.volume / "slow" / "1" / "labels.txt").exists()


def test_an_ir_without_its_weights_waits_and_says_for_what(stack: Stack) -> None:
    put(stack.store.client(), "ir/1/model.xml", b"<net/>")
    entry = stack.wait_version("ir", 1, "waiting", within=WITHIN)
    assert entry["reason"] == "waiting for model.bin, named by model.xml"


def test_a_folder_that_is_no_version_is_explained(stack: Stack) -> None:
    put(stack.store.client(), "car/v1/model.onnx", b"x")

    def explained() -> str | None:
        versions = stack.status()["models"].get("car", {"versions": []})["versions"]
        return None if versions and "not a version number" in versions[0]["reason"] else f"{versions}"

    wait_until("the folder v1 explained", explained, within=WITHIN)


def test_a_removed_model_is_retired_and_the_other_stays(stack: Stack, tmp_path: Path) -> None:
    stack.push(write_model(tmp_path / "a", 1.0), model="goes", version=1)
    stack.push(write_model(tmp_path / "b", 2.0), model="stays", version=1)
    stack.wait_version("goes", 1, "serving", within=WITHIN)
    stack.wait_version("stays", 1, "serving", within=WITHIN)
    with Load(stack.ports.server_url, "stays", threads=2) as load:
        assert stack.store.remove_model("goes") == 2

        def gone() -> str | None:
            left = available_versions(stack.served(), "goes")
            folder = stack.folder.volume / "goes"
            told = "goes" in stack.status()["models"]
            still = left or folder.exists() or told
            return f"{left} served, folder {folder.exists()}, in the status {told}" if still else None

        wait_until("the removed model gone", gone, within=WITHIN)
    assert summarize(load.answers()).failures == 0


def test_a_removed_version_gives_way_to_the_one_before_without_a_failed_request(
    stack: Stack, tmp_path: Path
) -> None:
    stack.push(write_model(tmp_path / "1", 1.0), model="car", version=1)
    stack.wait_version("car", 1, "serving", within=WITHIN)
    stack.push(write_model(tmp_path / "2", 2.0), model="car", version=2)
    stack.wait_version("car", 2, "serving", within=WITHIN)
    stack.push(write_model(tmp_path / "o", 2.0), model="other", version=1)
    client = stack.store.client()
    with Load(stack.ports.server_url, "car", threads=2) as load:
        for name in ("model.onnx", "SHA256SUMS"):
            client.remove_object(BUCKET, f"car/2/{name}")
        wait_until("version 1 alone", lambda: only_served(stack, "car", 1), within=WITHIN)
        time.sleep(0.3)
    assert summarize(load.answers()).failures == 0
    assert answer_of(stack, "car") == 1.0


def test_new_content_under_the_same_number_is_taken_up_without_a_failed_request(
    stack: Stack, tmp_path: Path
) -> None:
    stack.push(write_model(tmp_path / "1", 1.0), model="car", version=1)
    stack.wait_version("car", 1, "serving", within=WITHIN)
    second = write_model(tmp_path / "2", 2.0)
    with Load(stack.ports.server_url, "car", threads=2) as load:
        stack.push(second, model="car", version=1)

        def replaced() -> str | None:
            folder = stack.folder.volume / "car" / "1"
            if not folder.exists() or digest_of(folder) != digest_of(second):
                return "folder 1 does not hold the new content yet"
            return only_served(stack, "car", 1)

        wait_until("the new content under number 1", replaced, within=WITHIN)
        time.sleep(0.3)
    assert summarize(load.answers()).failures == 0
    assert answer_of(stack, "car") == 2.0


def test_without_the_store_what_is_on_the_volume_is_served(stack: Stack, tmp_path: Path) -> None:
    stack.push(write_model(tmp_path / "a", 4.0), model="car", version=1)
    stack.wait_version("car", 1, "serving", within=WITHIN)
    for name in ("sidecar", "server", "store"):
        stack.processes.stop(stack.component(name))
    stack.start_sidecar()
    stack.start_server()
    stack.wait_version("car", 1, "serving", within=WITHIN)
    assert answer_of(stack, "car") == 4.0
    status = stack.status()
    assert status["store"]["reachable"] is False
    assert "check that the store runs" in status["cycle"]["error"]


def test_an_emptied_bucket_removes_nothing_at_first(tmp_path: Path, store_kind: StoreKind) -> None:
    options = StackOptions(
        root=tmp_path / "stack", store=store_kind, sidecar_settings={**QUICK, "HOLD": "10m"}
    )
    with warm_stack(options) as stack:
        stack.start_store()
        stack.start_sidecar()
        stack.start_server()
        stack.push(write_model(tmp_path / "a", 1.0), model="car", version=1)
        stack.wait_version("car", 1, "serving", within=WITHIN)
        stack.store.remove_model("car")
        entry = stack.wait_version("car", 1, "held", within=WITHIN)
        time.sleep(3)
        assert "suddenly lacks 1 of 1 models" in entry["reason"]
        assert answer_of(stack, "car") == 1.0


def test_two_prefixes_are_mirrored_and_the_first_that_has_a_model_holds(
    tmp_path: Path, store_kind: StoreKind
) -> None:
    options = StackOptions(
        root=tmp_path / "stack", store=store_kind, sidecar_settings={**QUICK, "PREFIX": "site/,shared/"}
    )
    with warm_stack(options) as stack:
        stack.start_store()
        client = stack.store.client()
        client.make_bucket(BUCKET)
        put_version(client, write_model(tmp_path / "a", 1.0), "shared/car/5")
        put_version(client, write_model(tmp_path / "b", 2.0), "shared/boat/1")
        put_version(client, write_model(tmp_path / "c", 3.0), "site/car/1")
        put_version(client, write_model(tmp_path / "d", 4.0), "elsewhere/bus/1")
        stack.start_sidecar()
        stack.start_server()
        stack.wait_version("car", 1, "serving", within=WITHIN)
        stack.wait_version("boat", 1, "serving", within=WITHIN)
        assert (answer_of(stack, "car"), answer_of(stack, "boat")) == (3.0, 2.0)
        status = stack.status()
        assert set(status["models"]) == {"car", "boat"}
        assert any("car: it lies under both 'site/' and 'shared/'" in notice for notice in status["notices"])


def put(client: Minio, key: str, content: bytes) -> None:
    client.put_object(BUCKET, key, BytesIO(content), len(content))


def test_changed_serving_settings_are_taken_up_or_refused_without_a_failed_request(
    stack: Stack, tmp_path: Path
) -> None:
    client = stack.store.client()
    stack.push(write_model(tmp_path / "1", 1.0), model="car", version=1)
    stack.wait_version("car", 1, "serving", within=WITHIN)
    with Load(stack.ports.server_url, "car", threads=2) as load:
        put(client, "car/model.yaml", b"schema: 1\nserving: {nireq: 2}\n")
        wait_until("nireq in config.json", lambda: configured(stack, "nireq", 2), within=WITHIN)
        put(client, "car/model.yaml", b"schema: 1\nserving: {nireq: 2, plugin_config: {NO_SUCH_KEY: 1}}\n")

        def refused() -> str | None:
            notices = stack.status()["notices"]
            return (
                None if any("'NO_SUCH_KEY' is not allowed" in notice for notice in notices) else str(notices)
            )

        wait_until("the unknown key refused", refused, within=WITHIN)
        time.sleep(1.5)
    assert summarize(load.answers()).failures == 0
    assert configured(stack, "plugin_config", None) is None
    assert answer_of(stack, "car") == 1.0


def configured(stack: Stack, key: str, value: object) -> str | None:
    """A probe: None when the only model's entry of config.json has `value` for `key`, else the entry."""
    config = json.loads((stack.folder.volume / "config.json").read_bytes())
    entry = config["model_config_list"][0]["config"]
    return None if entry.get(key) == value else str(entry)
