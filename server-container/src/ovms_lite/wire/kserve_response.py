"""Answers of KServe v2: inference by REST, and metadata. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from ovms_lite.wire.http_message import Response
from ovms_lite.wire.kserve_request import InferRequest
from ovms_lite.wire.tensors import Array, TensorInfo, join_elements

SERVER_NAME = "OpenVINO Model Server"
"""What OVMS calls itself in its metadata; clients tell servers apart by it, so it is kept."""
_NUMPY = orjson.OPT_SERIALIZE_NUMPY


def infer_response(
    name: str, version: str, request: InferRequest, infos: Sequence[TensorInfo], arrays: Sequence[Array]
) -> Response:
    """All outputs by name, as JSON or, where the request asks for it, as raw bytes behind the JSON.

    The bytes of `arrays` are copied once, here. Floats are written in the fewest digits that read back to
    the same number; infinity and NaN, which JSON does not have, as null.
    """
    binary = request.binary_outputs
    outputs = []
    tail: list[bytes] = []
    for info, array in sorted(zip(infos, arrays, strict=True), key=_output_name):
        output: dict[str, Any] = {
            "name": info.name,
            "shape": list(array.shape),
            "datatype": info.element.kserve,
        }
        if (binary is None or info.name in binary) or not info.element.in_json:
            raw = join_elements(array.reshape(-1)) if info.element.is_string else array.tobytes()
            output["parameters"] = {"binary_data_size": len(raw)}
            tail.append(raw)
        else:
            output["data"] = json_values(info, array.reshape(-1))
        outputs.append(output)
    head: dict[str, Any] = {"model_name": name}
    if request.id:
        head["id"] = request.id
    head["model_version"] = version
    head["outputs"] = outputs
    document = orjson.dumps(head, option=_NUMPY)
    if not tail:
        return Response(200, (document,))
    length = str(len(document)).encode()
    return Response(200, (document, *tail), headers=((b"inference-header-content-length", length),))


def json_values(info: TensorInfo, array: Array) -> Any:
    """Values as orjson writes them; strings that are not UTF-8 are shown with replacement characters."""
    if info.element.is_string:
        return [element.decode("utf-8", "replace") for element in array]
    return array


def _output_name(pair: tuple[TensorInfo, Array]) -> str:
    return pair[0].name


def model_metadata(
    name: str,
    versions: Sequence[str],
    inputs: Sequence[TensorInfo],
    outputs: Sequence[TensorInfo],
    model_info: Mapping[str, object],
) -> dict[str, object]:
    """`GET /v2/models/<m>`; `versions` are the AVAILABLE ones."""
    metadata: dict[str, object] = {
        "name": name,
        "versions": list(versions),
        "platform": "OpenVINO",
        "inputs": [_tensor_metadata(info) for info in sorted(inputs, key=lambda info: info.name)],
        "outputs": [_tensor_metadata(info) for info in sorted(outputs, key=lambda info: info.name)],
    }
    if model_info:
        metadata["rt_info"] = {"model_info": model_info}
    return metadata


def _tensor_metadata(info: TensorInfo) -> dict[str, object]:
    return {
        "name": info.name,
        "datatype": info.element.kserve,
        "shape": [dimension.as_metadata() for dimension in info.shape],
    }
