"""Inferences over HTTP; in the binary tensor extension, where the server has it, bytes follow a JSON header.

Two habits of OVMS shape the requests (measured on OVMS 2026.2.1): an output comes in binary only if the
request lists it, and only the last one listed does. So exactly the output that is wanted is listed; whatever
others the model has come along as JSON and are understood too.
"""

import json
import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError

from car_client.errors import ServerFailedError
from car_client.kserve.connection import Answer, Connection
from car_client.kserve.inference import NUMPY_TYPES, InferenceAnswer, RequestTensor

_SHOWN = 200
HEADER_LENGTH = "Inference-Header-Content-Length"
_NOT_FOUND = 404
_FIRST_ERROR = 400
_WITHOUT_BINARY_TENSORS = frozenset({"mlserver"})
"""MLServer 1.7.1 answers a binary request with status 500 (tried); over gRPC it takes raw tensors."""


@dataclass(frozen=True, slots=True)
class EncodedRequest:
    """The parts of the body, and the headers, of an inference request."""

    body: Sequence[bytes | memoryview]
    headers: Mapping[str, str]


def encode_request(tensor: RequestTensor, output: str) -> EncodedRequest:
    """A request with one input that asks for `output` in binary."""
    document = {
        "inputs": [
            {
                "name": tensor.name,
                "datatype": tensor.datatype,
                "shape": tensor.shape,
                "parameters": {"binary_data_size": len(tensor.data)},
            }
        ],
        "outputs": [{"name": output, "parameters": {"binary_data": True}}],
    }
    header = json.dumps(document, separators=(",", ":")).encode()
    return EncodedRequest(
        body=(header, tensor.data),
        headers={"Content-Type": "application/octet-stream", HEADER_LENGTH: str(len(header))},
    )


def encode_json_request(tensor: RequestTensor, output: str) -> EncodedRequest:
    """The same in JSON alone, for servers without the binary extension; not for BYTES."""
    values = np.frombuffer(tensor.data, NUMPY_TYPES[tensor.datatype]).tolist()
    document = {
        "inputs": [{"name": tensor.name, "datatype": tensor.datatype, "shape": tensor.shape, "data": values}],
        "outputs": [{"name": output}],
    }
    return EncodedRequest((json.dumps(document).encode(),), {"Content-Type": "application/json"})


class _Parameters(BaseModel):
    binary_data_size: int | None = Field(None, ge=0)


class _Output(BaseModel):
    name: str
    datatype: str
    shape: list[int] = Field(max_length=16)
    parameters: _Parameters = _Parameters()
    data: list[Any] | None = None


class _Document(BaseModel):
    model_version: str = ""
    outputs: list[_Output]


def decode_answer(body: bytes, header_length: str | None) -> InferenceAnswer:
    """Read an inference answer; raises ServerFailedError when header, sizes and bytes do not agree.

    Outputs of datatypes without a numpy counterpart (text) are left out.
    """
    try:
        split = len(body) if header_length is None else int(header_length)
        if not 0 <= split <= len(body):
            raise _unreadable(f"its JSON part is said to have {split} of {len(body)} bytes")
        document = _Document.model_validate_json(body[:split])
        tail = memoryview(body)[split:]
        outputs: dict[str, NDArray[Any]] = {}
        for output in document.outputs:
            size = output.parameters.binary_data_size
            raw, tail = (None, tail) if size is None else (tail[:size], tail[size:])
            if output.datatype in NUMPY_TYPES:
                outputs[output.name] = _array(output, raw)
    except ValidationError as error:
        raise _unreadable(f"it is {body[:_SHOWN].decode('utf-8', 'replace')!r}") from error
    except (ValueError, TypeError, OverflowError) as error:
        raise _unreadable(str(error)) from error
    return InferenceAnswer(document.model_version, outputs)


def _array(output: _Output, raw: memoryview | None) -> NDArray[Any]:
    dtype = NUMPY_TYPES[output.datatype]
    count = math.prod(output.shape)
    if raw is None:
        array = np.asarray(output.data if output.data is not None else [], dtype=dtype).reshape(-1)
    elif len(raw) == count * dtype.itemsize:
        array = np.frombuffer(raw, dtype=dtype)
    else:
        raise _unreadable(f"output {output.name!r} came with {len(raw)} bytes for shape {output.shape}")
    if array.size != count:
        raise _unreadable(f"output {output.name!r} came with {array.size} values for shape {output.shape}")
    return array.reshape(output.shape)


def _unreadable(why: str) -> ServerFailedError:
    return ServerFailedError(f"the server's inference answer cannot be read: {why}")


def is_retired(answer: Answer) -> bool:
    """Whether the version went away between choosing it and running it, so that asking again helps."""
    return answer.status == _NOT_FOUND and "is retired" in answer.error_text


class HttpInference:
    """An InferenceServer over a connection that others may share."""

    protocol = "http"

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._knows_server = False
        self._as_json = False
        self._asking = threading.Lock()

    def infer(self, model: str, tensor: RequestTensor, output: str) -> InferenceAnswer:
        """As `InferenceServer` says."""
        encode = encode_json_request if self._as_json else encode_request
        answer = self._send(model, encode(tensor, output))
        if answer.status >= _FIRST_ERROR and encode is encode_request and self._lacks_binary_tensors():
            answer = self._send(model, encode_json_request(tensor, output))
        answer = answer.checked(f"an inference with model {model}")
        self._knows_server = True
        return decode_answer(answer.body, answer.headers.get(HEADER_LENGTH))

    def _send(self, model: str, request: EncodedRequest) -> Answer:
        return self._connection.request(
            "POST",
            f"/v2/models/{quote(model, safe='')}/infer",
            body=request.body,
            headers=request.headers,
            again_if=is_retired,
        )

    def _lacks_binary_tensors(self) -> bool:
        """Asked once, and only of a server whose first answer was an error; then JSON is sent from now on."""
        with self._asking:
            if not self._knows_server:
                self._as_json = (
                    str((self._connection.get("/v2").document or {}).get("name")) in _WITHOUT_BINARY_TENSORS
                )
                self._knows_server = True
        return self._as_json
