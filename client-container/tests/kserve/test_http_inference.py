import json

import numpy as np
import pytest
from car_client.errors import RequestRefusedError, ServerFailedError
from car_client.kserve.connection import Connection
from car_client.kserve.http_inference import HttpInference
from car_client.kserve.inference import RequestTensor
from fake_kserve import FakeKServe, FakeModel

TENSOR = RequestTensor.of_array("image", "UINT8", np.zeros((1, 8, 8, 3), np.uint8))


@pytest.fixture
def inference(server: FakeKServe, connection: Connection) -> HttpInference:
    server.models["m"] = FakeModel()
    return HttpInference(connection)


def test_a_server_without_binary_tensors_gets_json_from_then_on(
    server: FakeKServe, inference: HttpInference
) -> None:
    server.fixed_answers["/v2"] = (200, json.dumps({"name": "mlserver", "extensions": []}).encode())
    server.faults.append((500, "UnicodeDecodeError"))
    server.faults.extend([(400, "as json"), (400, "as json")])
    for _ in range(2):
        with pytest.raises(RequestRefusedError, match="as json"):
            inference.infer("m", TENSOR, "y")
    binary, *others = server.sent("/infer")
    assert "data" not in binary.document["inputs"][0]
    assert [len(request.document["inputs"][0]["data"]) for request in others] == [192, 192]


def test_another_server_that_fails_is_not_asked_twice(server: FakeKServe, inference: HttpInference) -> None:
    server.faults.extend([(500, "broken"), (500, "broken")])
    for _ in range(2):
        with pytest.raises(ServerFailedError, match="broken"):
            inference.infer("m", TENSOR, "y")
    assert len(server.sent("/infer")) == 2
    assert len(server.sent("/v2")) == 1
