"""Inferences over HTTP with the binary tensor extension."""

from urllib.parse import quote

from car_client.kserve.connection import Answer, Connection
from car_client.kserve.inference_codec import (
    HEADER_LENGTH,
    InferenceAnswer,
    RequestTensor,
    decode_answer,
    encode_request,
)

_NOT_FOUND = 404


def is_retired(answer: Answer) -> bool:
    """Whether the version went away between choosing it and running it, so that asking again helps."""
    return answer.status == _NOT_FOUND and "is retired" in answer.error_text


class HttpInference:
    """An InferenceServer over a connection that others may share."""

    protocol = "http"

    def __init__(self, connection: Connection) -> None:
        """Connects on the first request."""
        self._connection = connection

    def infer(self, model: str, tensor: RequestTensor, output: str) -> InferenceAnswer:
        """As `InferenceServer` says."""
        request = encode_request(tensor, output)
        answer = self._connection.request(
            "POST",
            f"/v2/models/{quote(model, safe='')}/infer",
            body=request.body,
            headers=request.headers,
            again_if=is_retired,
        ).checked(f"an inference with model {model}")
        return decode_answer(answer.body, answer.headers.get(HEADER_LENGTH))

    def close(self) -> None:
        """Close the idle connections."""
        self._connection.close()
