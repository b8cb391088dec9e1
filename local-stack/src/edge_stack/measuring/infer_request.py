"""A valid KServe v2 request for any model, made from what the server says about the model's inputs."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from edge_common.errors import RejectedError, RetryableError
from pydantic import BaseModel, Field, ValidationError

MAX_TENSOR_BYTES = 64 * 1024 * 1024

_BYTES_PER_VALUE: Mapping[str, int] = {
    **dict.fromkeys(("BOOL", "INT8", "UINT8"), 1),
    **dict.fromkeys(("INT16", "UINT16", "FP16"), 2),
    **dict.fromkeys(("INT32", "UINT32", "FP32"), 4),
    **dict.fromkeys(("INT64", "UINT64", "FP64"), 8),
}
"""Sizes of the datatypes of the Open Inference Protocol; BYTES has none."""


class _Tensor(BaseModel):
    name: str
    datatype: str
    shape: list[int]


class _Metadata(BaseModel):
    inputs: Annotated[list[_Tensor], Field(min_length=1)]


@dataclass(frozen=True)
class InferRequest:
    """Body and headers of `POST /v2/models/<model>/infer`, with every input as a binary tensor."""

    body: bytes
    headers: Mapping[str, str]


def request_of_zeros(metadata: bytes) -> InferRequest:
    """A request whose tensors are all zero, with 1 for every open dimension.

    `metadata` is the body of `GET /v2/models/<model>`. Raises RetryableError when it is something else,
    RejectedError for a datatype or a size (above 64 MiB) that no image model has.
    """
    try:
        tensors = _Metadata.model_validate_json(metadata).inputs
    except ValidationError as error:
        start = metadata[:80].decode("utf-8", "replace")
        raise RetryableError(f"the server did not describe the model but answered {start!r}") from error
    described, payload = [], b""
    for tensor in tensors:
        if tensor.datatype not in _BYTES_PER_VALUE:
            raise RejectedError(f"input {tensor.name} has datatype {tensor.datatype}, which cannot be zeros")
        shape = [max(1, size) for size in tensor.shape]
        size = math.prod(shape) * _BYTES_PER_VALUE[tensor.datatype]
        if size > MAX_TENSOR_BYTES:
            raise RejectedError(f"input {tensor.name} has {size} bytes; at most {MAX_TENSOR_BYTES} are sent")
        payload += bytes(size)
        parameters = {"binary_data_size": size}
        described.append(tensor.model_dump() | {"shape": shape, "parameters": parameters})
    header = json.dumps({"inputs": described}).encode()
    headers = {
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(len(header)),
    }
    return InferRequest(body=header + payload, headers=headers)
