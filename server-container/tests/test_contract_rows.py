"""Rows of the OVMS contract's list of conformance checks that the recordings do not cover, by their numbers.

Which row is covered by what: server-container/CONFORMANCE.md.
"""

from __future__ import annotations

import json
import shutil
import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from ovms_lite.config.entries import VersionPolicy
from ovms_lite.repository.find import list_versions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Models, ServerProcess

    Start = Callable[..., ServerProcess]


def test_row_05_folders_that_are_no_numbers_are_no_versions(tmp_path: Path) -> None:
    for name in ("1", "5", "8", "10", "unknown_dir11"):
        (tmp_path / name).mkdir()
    assert list_versions(tmp_path).versions == {1, 5, 8, 10}


def test_row_06_numbers_that_cannot_be_versions_are_none_and_the_server_lives(
    start_server: Start, models: Models
) -> None:
    for name in ("0", "-1", "latest", "9" * 20):
        (models.root / "m" / name).mkdir(parents=True)
    server = start_server([{"name": "m"}])
    assert server.states() == {"m": {}}
    assert server.ask("GET", "/v2/health/ready")[0] == 200


@pytest.mark.parametrize(
    ("policy", "chosen"),
    [
        (VersionPolicy(latest=2), {100, 25}),
        (VersionPolicy(specific=frozenset((4, 5, 6, 7))), {4, 5}),
        (VersionPolicy(), {3, 4, 5, 18, 25, 100}),
        (VersionPolicy(latest=1), {100}),
    ],
)
def test_row_07_the_policy_chooses_by_number(policy: VersionPolicy, chosen: set[int]) -> None:
    assert policy.select(frozenset((3, 4, 5, 18, 25, 100))) == chosen


def test_row_09_and_10_broken_versions_come_and_go_without_a_change_of_the_config(
    start_server: Start, models: Models
) -> None:
    models.add("m", 1, 1.0)
    models.add("m", 2, 2.0)
    models.broken("m", 3)
    server = start_server([{"name": "m"}])
    assert server.states() == {"m": {"2": "AVAILABLE", "3": "FAILED"}}
    assert server.infer("m", [0, 0])["model_version"] == "2"
    shutil.rmtree(models.root / "m" / "2")
    shutil.rmtree(models.root / "m" / "3")
    server.wait_for_states({"m": {"1": "AVAILABLE", "2": "END", "3": "END"}})
    models.broken("m", 2)
    server.wait_for_states({"m": {"1": "AVAILABLE", "2": "FAILED", "3": "END"}})
    models.add("m", 2, 5.0)
    server.wait_for_states({"m": {"1": "END", "2": "AVAILABLE", "3": "END"}})
    assert server.infer("m", [0, 0])["outputs"][0]["data"] == [5.0, 5.0]


def test_row_12_replaced_files_are_not_served_before_the_version_was_seen_missing(
    start_server: Start, models: Models
) -> None:
    models.add("m", 1, 1.0)
    server = start_server([{"name": "m"}])
    models.add("m", 1, 2.0)
    for _ in range(2):
        server.ask("POST", "/v1/config/reload")
        assert server.infer("m", [0, 0])["outputs"][0]["data"] == [1.0, 1.0]
    (models.root / "m" / "1").rename(models.root / "aside")
    server.wait_for_states({"m": {"1": "END"}})
    (models.root / "aside").rename(models.root / "m" / "1")
    server.wait_for_states({"m": {"1": "AVAILABLE"}})
    assert server.infer("m", [0, 0])["outputs"][0]["data"] == [2.0, 2.0]


def test_row_13_a_model_that_comes_back_is_read_from_the_disk_again(
    start_server: Start, models: Models
) -> None:
    models.add("m", 1, 1.0)
    server = start_server([{"name": "m"}])
    server.configure([])
    server.wait_for_states({"m": {"1": "END"}})
    status, body = server.ask("POST", "/v2/models/m/versions/1/infer", b"{}")
    assert (status, json.loads(body)["error"]) == (404, "Model with requested version is retired")
    models.add("m", 1, 2.0)
    server.configure([{"name": "m"}])
    server.wait_for_states({"m": {"1": "AVAILABLE"}})
    assert server.infer("m", [0, 0])["outputs"][0]["data"] == [2.0, 2.0]


def test_row_14_a_retired_version_unloads_only_after_its_last_request_and_takes_no_new_one(
    start_server: Start, models: Models
) -> None:
    models.slow("m", 1)
    server = start_server([{"name": "m"}])
    server.infer("m", [10, 0])
    began = time.monotonic()
    server.infer("m", [100, 0])
    turns = round(100 * 5 / (time.monotonic() - began))
    answers: list[dict[str, object]] = []
    asking = threading.Thread(target=lambda: answers.append(server.infer("m", [turns, 0])))
    asking.start()
    time.sleep(0.2)
    server.configure([])
    server.wait_for_states({"m": {"1": "UNLOADING"}})
    status, body = server.ask("POST", "/v2/models/m/versions/1/infer", b"{}")
    assert (status, json.loads(body)["error"]) == (404, "Model with requested version is retired")
    assert asking.is_alive()
    asking.join()
    assert answers[0]["model_version"] == "1"
    server.wait_for_states({"m": {"1": "END"}})


def test_row_18_an_empty_folder_is_a_model_without_versions(start_server: Start, models: Models) -> None:
    (models.root / "m").mkdir()
    server = start_server([{"name": "m"}])
    assert json.loads(server.ask("GET", "/v1/config")[1]) == {"m": {"model_version_status": []}}
    status, body = server.ask("GET", "/v2/models/m/ready")
    assert (status, json.loads(body)["error"]) == (404, "Model with requested version is not found")


@pytest.mark.parametrize(("shape", "tensor"), [((), np.float32(7)), (("n", 2), np.zeros((0, 2), np.float32))])
def test_row_21_scalars_and_tensors_without_elements_travel_as_bytes(
    start_server: Start, models: Models, shape: tuple[int | str, ...], tensor: np.ndarray
) -> None:
    models.add("m", 1, 0.0, shape)
    server = start_server([{"name": "m"}])
    entry = {"name": "x", "shape": list(tensor.shape), "datatype": "FP32"}
    output = {"name": "y", "parameters": {"binary_data": True}}
    head = json.dumps({"inputs": [entry], "outputs": [output]}).encode()
    for surplus in (b"", b"ignored"):
        status, body = server.ask(
            "POST",
            "/v2/models/m/infer",
            head + tensor.tobytes() + surplus,
            Inference_Header_Content_Length=str(len(head)),
        )
        assert status == 200, body
        if tensor.nbytes:
            assert body.endswith(tensor.tobytes())
        else:
            assert json.loads(body)["outputs"][0]["shape"] == [0, 2]


def test_row_24_every_listed_output_can_be_binary_and_without_a_list_all_are(
    start_server: Start, models: Models
) -> None:
    models.add("m", 1, 1.0)
    server = start_server([{"name": "m"}])
    tensor = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}
    body = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    status, answer = server.ask("POST", "/v2/models/m/infer", body)
    assert status == 200
    assert answer.endswith(np.array([2, 3], np.float32).tobytes())


def test_row_30_a_reload_is_200_whether_or_not_something_changed(start_server: Start, models: Models) -> None:
    models.add("m", 1, 1.0)
    server = start_server([{"name": "m"}], "--file_system_poll_wait_seconds", "0")
    models.add("m", 2, 2.0)
    for _ in range(2):
        status, body = server.ask("POST", "/v1/config/reload")
        assert status == 200
        assert body == server.ask("GET", "/v1/config")[1]
    assert server.states() == {"m": {"1": "END", "2": "AVAILABLE"}}


def test_quirk_32_bit_default_a_default_beyond_32_bits_gives_way_to_the_next(
    start_server: Start, models: Models
) -> None:
    models.add("m", 1, 1.0)
    models.add("m", 2**40, 2.0)
    server = start_server([{"name": "m", "model_version_policy": {"all": {}}}])
    assert server.infer("m", [0, 0])["model_version"] == str(2**40)
    shutil.rmtree(models.root / "m" / str(2**40))
    server.wait_for_states({"m": {"1": "AVAILABLE", str(2**40): "END"}})
    assert server.infer("m", [0, 0])["model_version"] == "1"
