"""tritonclient's HTTP client, as it comes, against a real server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import tritonclient.http as triton

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Models, ServerProcess

    Start = Callable[..., ServerProcess]


@pytest.fixture
def client(start_server: Start, models: Models) -> Iterator[triton.InferenceServerClient]:
    models.add("m", 1, 1.0)
    models.add("picture", 1, 0.0, (1, 4, 4, 3))
    models.strings("text", 1)
    server = start_server([{"name": "m"}, {"name": "picture"}, {"name": "text"}])
    with triton.InferenceServerClient(f"127.0.0.1:{server.port}") as client:
        yield client


def test_it_finds_out_what_is_served(client: triton.InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("m")
    assert client.is_model_ready("m", "1")
    assert not client.is_model_ready("none")
    assert client.get_server_metadata()["name"] == "OpenVINO Model Server"
    assert client.get_model_metadata("m")["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [1, 2]}]


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
def test_tensors_go_both_ways_as_bytes_and_as_json(
    client: triton.InferenceServerClient, binary_in: bool, binary_out: bool
) -> None:
    tensor = triton.InferInput("x", [1, 2], "FP32")
    tensor.set_data_from_numpy(np.array([[1, 2]], np.float32), binary_data=binary_in)
    wanted = [triton.InferRequestedOutput("y", binary_data=binary_out)]
    answer = client.infer("m", [tensor], outputs=wanted, request_id="seven")
    assert answer.as_numpy("y").tolist() == [[2.0, 3.0]]
    assert answer.get_response()["id"] == "seven"
    assert client.infer("m", [tensor], model_version="1").as_numpy("y").tolist() == [[2.0, 3.0]]


def test_texts_and_pictures_are_bytes(client: triton.InferenceServerClient) -> None:
    text = triton.InferInput("x", [2], "BYTES")
    text.set_data_from_numpy(np.array(["é".encode(), b""], dtype=np.object_))
    assert client.infer("text", [text]).as_numpy("y").tolist() == ["é".encode(), b""]
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    picture = triton.InferInput("x", [1], "BYTES")
    picture.set_data_from_numpy(np.array([cv2.imencode(".png", pixels)[1].tobytes()], dtype=np.object_))
    assert np.array_equal(client.infer("picture", [picture]).as_numpy("y")[0], pixels)


def test_a_mistake_is_told_with_the_servers_own_words(client: triton.InferenceServerClient) -> None:
    tensor = triton.InferInput("x", [1, 3], "FP32")
    tensor.set_data_from_numpy(np.zeros((1, 3), np.float32))
    with pytest.raises(triton.InferenceServerException, match="Invalid input shape"):
        client.infer("m", [tensor])
