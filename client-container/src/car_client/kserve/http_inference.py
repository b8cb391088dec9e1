"""Inferences over HTTP, with the binary tensor extension where the server has it."""

import json
import threading
from urllib.parse import quote

from car_client.kserve.connection import Answer, Connection
from car_client.kserve.http_codec import (
    HEADER_LENGTH,
    EncodedRequest,
    decode_answer,
    encode_json_request,
    encode_request,
)
from car_client.kserve.inference import InferenceAnswer, RequestTensor

_NOT_FOUND = 404
_FIRST_ERROR = 400
_WITHOUT_BINARY_TENSORS = frozenset({"mlserver"})
"""MLServer 1.7.1 answers a binary request with status 500 (tried); over gRPC it takes raw tensors."""


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
                self._as_json = _server_name(self._connection.get("/v2")) in _WITHOUT_BINARY_TENSORS
                self._knows_server = True
        return self._as_json


def _server_name(answer: Answer) -> str:
    try:
        document = json.loads(answer.body)
    except ValueError:
        return ""
    return str(document.get("name", "")) if isinstance(document, dict) else ""
