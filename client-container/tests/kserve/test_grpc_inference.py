"""gRPC against a small real server of the test's own that misbehaves on request."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import pytest
from car_client.errors import RequestRefusedError, ServerFailedError, ServerUnreachableError
from car_client.kserve.grpc_inference import GrpcInference
from car_client.kserve.inference import RequestTensor
from tritonclient.grpc import service_pb2, service_pb2_grpc

TENSOR = RequestTensor.of_array("image", "FP32", np.ones((1, 3), np.float32))
Fault = tuple[grpc.StatusCode, str]


class Servicer(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]  # tritonclient ships no types
    def __init__(self) -> None:
        self.faults: deque[Fault] = deque()
        self.asked = 0
        self.raw = True

    def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol names it
        self.asked += 1
        if self.faults:
            context.abort(*self.faults.popleft())
        answer = service_pb2.ModelInferResponse(model_name=request.model_name, model_version="7")
        output = answer.outputs.add(name=request.outputs[0].name, datatype="FP32", shape=[1, 2])
        if self.raw:
            answer.raw_output_contents.append(np.array([[0.25, 0.75]], np.float32).tobytes())
        else:
            output.contents.fp32_contents.extend([0.25, 0.75])
        return answer


@pytest.fixture
def servicer() -> Servicer:
    return Servicer()


@pytest.fixture
def retries() -> list[str]:
    return []


@pytest.fixture
def inference(servicer: Servicer, retries: list[str]) -> Iterator[GrpcInference]:
    server = grpc.server(ThreadPoolExecutor(2))
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    client = GrpcInference(f"127.0.0.1:{port}", timeout=5, on_retry=retries.append)
    yield client
    client.close()
    server.stop(0).wait(5)


@pytest.mark.parametrize("raw", [True, False])
def test_raw_and_typed_answers_are_read(servicer: Servicer, inference: GrpcInference, *, raw: bool) -> None:
    servicer.raw = raw
    answer = inference.infer("m", TENSOR, "y")
    assert (answer.model_version, answer.outputs["y"].tolist()) == ("7", [[0.25, 0.75]])


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ((grpc.StatusCode.NOT_FOUND, "Model with requested version is retired"), "retired"),
        ((grpc.StatusCode.UNAVAILABLE, "going down"), "connection_lost"),
    ],
)
def test_a_swap_or_a_lost_connection_is_asked_again_once(
    servicer: Servicer, inference: GrpcInference, retries: list[str], fault: Fault, reason: str
) -> None:
    servicer.faults.append(fault)
    assert inference.infer("m", TENSOR, "y").model_version == "7"
    assert (servicer.asked, retries) == (2, [reason])
    servicer.faults.extend([fault, fault])
    with pytest.raises((RequestRefusedError, ServerUnreachableError)):
        inference.infer("m", TENSOR, "y")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, RequestRefusedError),
        (grpc.StatusCode.NOT_FOUND, RequestRefusedError),
        (grpc.StatusCode.INTERNAL, ServerFailedError),
        (grpc.StatusCode.DEADLINE_EXCEEDED, ServerUnreachableError),
    ],
)
def test_other_refusals_are_told_and_not_repeated(
    servicer: Servicer, inference: GrpcInference, code: grpc.StatusCode, kind: type[Exception]
) -> None:
    servicer.faults.append((code, "because"))
    with pytest.raises(kind):
        inference.infer("m", TENSOR, "y")
    assert servicer.asked == 1


def test_a_server_that_is_away_is_unreachable() -> None:
    with pytest.raises(ServerUnreachableError, match=r"nothing answers gRPC at 127\.0\.0\.1:9"):
        GrpcInference("127.0.0.1:9", timeout=2).infer("m", TENSOR, "y")
