"""What strangers' bytes are read by: each target may raise the errors of its own kind and no other."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edge_common.card_file import parse_card, read_labels
from edge_common.errors import EdgeError
from edge_common.pictures.decode import PictureLimits, decode_picture
from google.protobuf.message import DecodeError
from model_sync.bucket.checksums import parse_checksums
from model_sync.bucket.evidence_files import parse_expected
from model_sync.planning.state_json import state_from_json
from model_sync.store.errors import StoreFaultError
from model_sync.store.listing import Page
from model_sync.trust.bundle import parse_bundle, signed_files
from ovms_lite.errors import RequestError
from ovms_lite.grpc.messages import message_class
from ovms_lite.grpc.service import input_tensors
from ovms_lite.http.request_reader import RequestReader, UnreadableRequestError
from ovms_lite.rest.routes import find_route
from ovms_lite.wire.kserve_request import parse_infer_request
from ovms_lite.wire.model_inputs import model_inputs
from ovms_lite.wire.tensors import BY_KSERVE_NAME, Dimension, TensorInfo
from ovms_lite.wire.tfs_request import parse_predict_request

_MODEL = (TensorInfo("x", BY_KSERVE_NAME["FP32"], (Dimension(1, 1), Dimension(2, 2))),)
_LIMITS = PictureLimits(max_bytes=1_000_000, max_pixels=1_000_000)
_INFER = b'{"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]}'
_SIGNED = sorted((Path(__file__).parents[2] / "sync-sidecar/tests/trust/recorded").glob("*.sig"))

_LISTING = (
    b"<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>m/1/model.onnx</Key><Size>5</Size>"
    b'<ETag>"x"</ETag><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents></ListBucketResult>'
)


@dataclass(frozen=True)
class Target:
    """`read` takes any bytes; `seeds` are sound examples to begin with."""

    read: Callable[[bytes], object]
    seeds: tuple[bytes, ...]


def _rest(content: bytes) -> None:
    with suppress(UnreadableRequestError):
        for received in RequestReader().received(content):
            with suppress(RequestError):
                find_route(received.request.method, received.request.target)


def _infer(content: bytes) -> None:
    with suppress(RequestError):
        model_inputs(_MODEL, parse_infer_request(bytearray(content), None).inputs)
    with suppress(RequestError):
        model_inputs(_MODEL, parse_infer_request(bytearray(content), str(len(content) // 2)).inputs)


def _predict(content: bytes) -> None:
    with suppress(RequestError):
        parse_predict_request(bytearray(content), _MODEL)


def _grpc(content: bytes) -> None:
    with suppress(DecodeError, RequestError):
        request = message_class("ModelInferRequest").FromString(content)
        model_inputs(_MODEL, input_tensors(request))


def _card(content: bytes) -> None:
    with suppress(EdgeError):
        parse_card(content, "model.yaml")
    with suppress(EdgeError):
        read_labels(content)


def _sums(content: bytes) -> None:
    with suppress(EdgeError):
        parse_checksums(content, ["model.onnx", "a/b.bin"])


def _expected(content: bytes) -> None:
    with suppress(EdgeError):
        parse_expected(content)


def _listing(content: bytes) -> None:
    with suppress(StoreFaultError):
        list(Page(content).objects())


def _state(content: bytes) -> None:
    with suppress(EdgeError):
        state_from_json(content)


def _signature(content: bytes) -> None:
    with suppress(EdgeError):
        signed_files(parse_bundle(content).payload)
    with suppress(EdgeError):
        signed_files(content)


def _picture(content: bytes) -> None:
    with suppress(EdgeError):
        decode_picture("p", content, _LIMITS)


def _grpc_seed() -> bytes:
    tensor = {"name": "x", "shape": [1, 2], "datatype": "FP32", "contents": {"fp32_contents": [1, 2]}}
    seed: bytes = message_class("ModelInferRequest")(model_name="m", inputs=[tensor]).SerializeToString()
    return seed


TARGETS = {
    "rest": Target(_rest, (b"POST /v2/models/m/infer HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}",)),
    "infer": Target(_infer, (_INFER, _INFER[:-1] + b', "parameters": {"binary_data_output": true}}')),
    "predict": Target(_predict, (b'{"instances": [[1, 2]]}', b'{"inputs": {"x": [[1, 2]]}}')),
    "grpc": Target(_grpc, (_grpc_seed(),)),
    "card": Target(
        _card, (b"schema: 1\ninput: {size: [4, 4], mean: [1, 2, 3]}\noutput: {labels: [a, b]}\n",)
    ),
    "sums": Target(_sums, (b"a" * 64 + b"  model.onnx\n", b"SHA256 (a/b.bin) = " + b"b" * 64 + b"\n")),
    "expected": Target(_expected, (b"file,label\nbus.jpg,school bus\n", b'file;label\na/b.jpg;"a, b"\n')),
    "listing": Target(_listing, (_LISTING,)),
    "state": Target(_state, (b'{"schema": 1, "models": {"m": {"stored": {}, "configured": [1]}}}',)),
    "signature": Target(_signature, tuple(path.read_bytes() for path in _SIGNED)),
    "picture": Target(
        _picture, (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", b"\x89PNG\r\n\x1a\n", b"BM", b"GIF89a")
    ),
}
