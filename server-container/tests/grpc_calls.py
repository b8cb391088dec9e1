"""Asking the gRPC port: a tensor for tritonclient, messages by hand, and bytes that are no message."""

from typing import Any

import grpc
import numpy as np
import tritonclient.grpc as triton
from ovms_lite.grpc.messages import SERVICE, message_class


def fp32_input(values: list[list[float]]) -> list[triton.InferInput]:
    """The only input of the tests' models."""
    array = np.array(values, np.float32)
    tensor = triton.InferInput("x", list(array.shape), "FP32")
    tensor.set_data_from_numpy(array)
    return [tensor]


class Raw:
    """Sends messages, or bytes that are none, and tells code and text of the answer."""

    def __init__(self, port: int) -> None:
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")

    def send(self, method: str, content: bytes) -> tuple[grpc.StatusCode, str]:
        """Code and text of the answer."""
        call: Any = self.channel.unary_unary(f"/{SERVICE}/{method}")
        try:
            call(content, timeout=30)
        except grpc.RpcError as error:
            told: Any = error
            return told.code(), told.details()
        return grpc.StatusCode.OK, ""


def infer_request(**fields: object) -> Any:
    """A ModelInferRequest without contents; `fields` replace its own."""
    request = {"model_name": "m", "inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2]}]}
    return message_class("ModelInferRequest")(**(request | fields))
