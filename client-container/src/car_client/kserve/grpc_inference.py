"""Inferences over gRPC, with the messages that tritonclient ships; OVMS, Triton, MLServer all speak them."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray
from tritonclient.grpc import service_pb2, service_pb2_grpc

from car_client.errors import RequestRefusedError, ServerFailedError, ServerUnreachableError
from car_client.kserve.inference import NUMPY_TYPES, InferenceAnswer, RequestTensor

_MAX_MESSAGE_BYTES = 64 * 1024 * 1024
_REFUSED: Mapping[grpc.StatusCode, int] = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.UNIMPLEMENTED: 404,
}
"""The statuses that blame the request, as the HTTP statuses that say the same."""
_TYPED_CONTENTS: Mapping[str, str] = {
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
}


class GrpcInference:
    """An InferenceServer at `address` (host:port). One channel, which threads may share."""

    protocol = "grpc"

    def __init__(
        self,
        address: str,
        *,
        timeout: float,
        on_retry: Callable[[str], None] = lambda _reason: None,
        joins: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        """Every request has `timeout` seconds in all, its retry included. Connects on the first one.

        `joins` tells the metadata of each request, such as `traceparent`.
        """
        limits = [
            ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
            ("grpc.max_reconnect_backoff_ms", 1000),
        ]
        self._address = address
        self._timeout = timeout
        self._on_retry = on_retry
        self._joins = joins
        self._channel = grpc.insecure_channel(address, options=limits)
        self._stub = service_pb2_grpc.GRPCInferenceServiceStub(self._channel)

    def infer(self, model: str, tensor: RequestTensor, output: str) -> InferenceAnswer:
        """As `InferenceServer` says."""
        request = _request(model, tensor, output)
        deadline, joined = time.monotonic() + self._timeout, tuple(self._joins().items())
        try:
            answer = self._stub.ModelInfer(request, timeout=self._timeout, metadata=joined)
        except grpc.RpcError as error:
            reason = _reason_to_ask_again(error)
            if reason is None or time.monotonic() >= deadline:
                raise self._translated(error, model) from error
            self._on_retry(reason)
            try:
                left = max(deadline - time.monotonic(), 0.001)
                answer = self._stub.ModelInfer(request, timeout=left, metadata=joined)
            except grpc.RpcError as again:
                raise self._translated(again, model) from again
        return _answer(answer)

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def _translated(self, error: grpc.RpcError, model: str) -> Exception:
        code, details = error.code(), error.details() or ""
        what = f"an inference with model {model}"
        if code is grpc.StatusCode.UNAVAILABLE:
            return ServerUnreachableError(
                f"nothing answers gRPC at {self._address}; check that the server runs and the address"
            )
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return ServerUnreachableError(f"{self._address} did not answer within {self._timeout:g} s")
        if code in _REFUSED:
            return RequestRefusedError(what, _REFUSED[code], details)
        return ServerFailedError(f"the server failed on {what} with {code.name}: {details[:300]}")


def _reason_to_ask_again(error: grpc.RpcError) -> str | None:
    if error.code() is grpc.StatusCode.UNAVAILABLE:
        return "connection_lost"
    if error.code() is grpc.StatusCode.NOT_FOUND and "is retired" in (error.details() or ""):
        return "retired"
    return None


def _request(model: str, tensor: RequestTensor, output: str) -> Any:
    request = service_pb2.ModelInferRequest(model_name=model)
    request.inputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
    request.outputs.add(name=output)
    request.raw_input_contents.append(bytes(tensor.data))
    return request


def _answer(answer: Any) -> InferenceAnswer:
    outputs: dict[str, NDArray[Any]] = {}
    for place, output in enumerate(answer.outputs):
        if output.datatype not in NUMPY_TYPES:
            continue
        try:
            flat = _values(answer, place, output)
            outputs[output.name] = flat.reshape(tuple(output.shape))
        except ValueError as error:
            raise ServerFailedError(
                f"output {output.name!r} of the answer cannot be read: {error}"
            ) from error
    return InferenceAnswer(answer.model_version, outputs)


def _values(answer: Any, place: int, output: Any) -> NDArray[Any]:
    """From the raw contents, as OVMS and Triton send them, or from the typed ones, as MLServer may."""
    dtype = NUMPY_TYPES[output.datatype]
    if answer.raw_output_contents:
        return np.frombuffer(answer.raw_output_contents[place], dtype)
    if output.datatype not in _TYPED_CONTENTS:
        raise ValueError(f"it came without raw contents, as {output.datatype}")
    return np.asarray(getattr(output.contents, _TYPED_CONTENTS[output.datatype]), dtype)
