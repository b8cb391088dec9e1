"""What goes to a model server and comes back, whatever the protocol: tensors, metadata, and who is asked."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol

import numpy as np
from edge_common.classifiers import TensorSpec
from edge_common.traces import Traces
from numpy.typing import NDArray
from pydantic import AliasPath, Field, TypeAdapter, ValidationError

from car_client.errors import ServerFailedError

NUMPY_TYPES: Mapping[str, np.dtype[Any]] = {
    "BOOL": np.dtype("?"),
    "UINT8": np.dtype("u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}
"""Datatype -> how its elements lie in a binary body (little-endian). BYTES and BF16 have no such type."""
BYTES = "BYTES"
_MOST_DIGITS = 19
DYNAMIC = -1


@dataclass(frozen=True, slots=True)
class RequestTensor:
    """One input as it goes onto the wire; `data` may be the memory of the array itself."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: bytes | memoryview

    @classmethod
    def of_array(cls, name: str, datatype: str, array: NDArray[Any]) -> "RequestTensor":
        """The elements of `array` as `datatype`, little-endian; not copied when they are so already."""
        wire = np.ascontiguousarray(array, dtype=NUMPY_TYPES[datatype])
        return cls(name, datatype, tuple(array.shape), wire.reshape(-1).view(np.uint8).data)

    @classmethod
    def of_blobs(cls, name: str, blobs: Sequence[bytes]) -> "RequestTensor":
        """A BYTES tensor of shape [len(blobs)]: each element is preceded by its length in 4 bytes."""
        data = b"".join(part for blob in blobs for part in (struct.pack("<I", len(blob)), blob))
        return cls(name, BYTES, (len(blobs),), data)


@dataclass(frozen=True, slots=True)
class InferenceAnswer:
    """The tensors of an answer, and the version that gave it ("" when the server does not say)."""

    model_version: str
    outputs: Mapping[str, NDArray[Any]]


class InferenceServer(Protocol):
    """A KServe v2 server, over HTTP or gRPC. Safe to share between threads."""

    @property
    def protocol(self) -> str:
        """`http` or `grpc`."""

    def infer(self, model: str, tensor: RequestTensor, output: str) -> InferenceAnswer:
        """The answer of the version that serves unversioned requests.

        Asked again once when the connection was lost or that version was retired meanwhile, within one time
        limit. Raises RequestRefusedError, ServerUnreachableError, ServerFailedError.
        """


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the server says of the version that answers unversioned requests.

    `versions` are those AVAILABLE, as OVMS lists them; servers may leave them out. `model_info` is
    `rt_info.model_info`, which OVMS shows for IR models only; its leaves are text.
    """

    name: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    versions: tuple[str, ...] = ()
    model_info: Annotated[Mapping[str, Any], Field(validation_alias=AliasPath("rt_info", "model_info"))] = (
        field(default_factory=dict)
    )

    @property
    def newest_version(self) -> int | None:
        """The highest version listed, which is the one that answers; None when none is listed as a number."""
        numbers = map(version_number, self.versions)
        return max((number for number in numbers if number is not None), default=None)


_METADATA = TypeAdapter(Metadata)


def version_number(text: str) -> int | None:
    """The version called `text`; None when it is no number, or one that no server counts to."""
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else None


def parse_metadata(body: bytes) -> Metadata:
    """Read a metadata answer; raises ServerFailedError when it is something else."""
    try:
        return _METADATA.validate_json(body)
    except ValidationError as error:
        start = body[:80].decode("utf-8", "replace")
        raise ServerFailedError(
            f"the server described a model with {start!r}, which is not KServe v2 metadata; "
            "check that the address is that of a model server"
        ) from error


class TracedInference:
    """An InferenceServer that asks `server`, and tells how long that took and what came of it."""

    def __init__(self, server: InferenceServer, traces: Traces) -> None:
        self._server = server
        self._traces = traces
        self.protocol = server.protocol

    def infer(self, model: str, tensor: RequestTensor, output: str) -> InferenceAnswer:
        """As `InferenceServer` says; an error is told with the span, too."""
        from opentelemetry.trace import SpanKind  # noqa: PLC0415 - it is on, else nobody makes one of these

        facts: dict[str, Any] = {"model": model, "protocol": self.protocol, "shape": list(tensor.shape)}
        with self._traces.tracer.start_as_current_span(
            "inference", kind=SpanKind.CLIENT, attributes=facts
        ) as span:
            answer = self._server.infer(model, tensor, output)
            span.set_attribute("version", answer.model_version)
            return answer
