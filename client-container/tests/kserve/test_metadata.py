import json

import pytest
from car_client.errors import ServerFailedError
from car_client.kserve.inference import TensorSpec
from car_client.kserve.metadata import parse_metadata


def test_what_ovms_answers_is_read_completely() -> None:
    body = {
        "name": "resnet",
        "versions": ["2", "10"],
        "platform": "OpenVINO",
        "inputs": [{"name": "image", "datatype": "UINT8", "shape": [-1, 224, 224, 3]}],
        "outputs": [{"name": "prob", "datatype": "FP32", "shape": [-1, 1000]}],
        "rt_info": {"model_info": {"labels": "cat dog", "resolution": {"height": "200"}}},
    }
    metadata = parse_metadata(json.dumps(body).encode())
    assert metadata.inputs == (TensorSpec("image", "UINT8", (-1, 224, 224, 3)),)
    assert str(metadata.inputs[0]) == "image UINT8 [?,224,224,3]"
    assert metadata.newest_version == 10
    assert metadata.model_info["labels"] == "cat dog"


def test_versions_and_rt_info_may_be_absent() -> None:
    metadata = parse_metadata(b'{"name": "m", "inputs": [], "outputs": []}')
    assert metadata.newest_version is None
    assert metadata.model_info == {}


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"name": "m"}', b'{"name": 1, "inputs": []}'])
def test_anything_else_is_the_servers_failure(body: bytes) -> None:
    with pytest.raises(ServerFailedError, match="not KServe v2 metadata"):
        parse_metadata(body)
