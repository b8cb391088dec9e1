"""KServe requests that need no reading: their JSON was seen before, only the tensors behind it are new. Pure.

A client sends the same JSON with every reading. For a model whose run takes microseconds, to understand and
check it again would take most of the time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from ovms_lite.errors import RequestError
from ovms_lite.wire.http_message import Response
from ovms_lite.wire.json_values import Body
from ovms_lite.wire.kserve_request import LONGEST_KNOWN_HEAD, InferRequest, parse_infer_request
from ovms_lite.wire.kserve_response import infer_response
from ovms_lite.wire.model_inputs import model_inputs
from ovms_lite.wire.tensors import Array, TensorInfo

_MOST_KNOWN = 256
_MOST_DIGITS = len(str(LONGEST_KNOWN_HEAD))


@dataclass(frozen=True, slots=True)
class KnownRequest:
    """JSON that fits a version: where its tensors lie in the body, in the model's order, and the answer."""

    parts: tuple[slice, ...]
    size: int
    document: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    output_order: tuple[int, ...]

    def inputs(self, body: Body) -> list[memoryview]:
        """The raw bytes of each input of the model."""
        whole = memoryview(body)
        return [whole[part] for part in self.parts]

    def answer(self, outputs: Sequence[Array]) -> Response:
        """All outputs as raw bytes, which are copied here."""
        tail = [outputs[index].tobytes() for index in self.output_order]
        return Response(200, (self.document, *tail), headers=self.headers)


class KnownRequests:
    """The JSON that one version was sent; its outputs have fixed shapes and no strings."""

    def __init__(
        self, name: str, version: str, inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo]
    ) -> None:
        self._name = name
        self._version = version
        self._inputs = inputs
        self._outputs = outputs
        self._by_json: dict[bytes, KnownRequest | None] = {}

    def __len__(self) -> int:
        return len(self._by_json)

    def find(self, body: Body, json_length: bytes) -> KnownRequest | None:
        """What is known of a request; None when it has to be read, be it to say what is wrong with it.

        `json_length` is the value of `Inference-Header-Content-Length`.
        """
        if len(json_length) > _MOST_DIGITS or not json_length.isdigit():
            return None
        size = int(json_length)
        if size > LONGEST_KNOWN_HEAD:
            return None
        json = bytes(memoryview(body)[:size])
        try:
            known = self._by_json[json]
        except KeyError:
            known = self._learn(json, body)
        return known if known is not None and known.size <= len(body) else None

    def _learn(self, json: bytes, body: Body) -> KnownRequest | None:
        if b'"id"' in json:  # most likely another one in every request
            return None
        try:
            request = parse_infer_request(body, str(len(json)))
            model_inputs(self._inputs, request.inputs)
        except RequestError:
            return None
        if len(self._by_json) >= _MOST_KNOWN:
            self._by_json.clear()
        known = self._by_json[json] = self._understand(len(json), request)
        return known

    def _understand(self, json_size: int, request: InferRequest) -> KnownRequest | None:
        """None when the JSON alone does not say where the tensors lie and how the answer looks."""
        sizes = [None if tensor.raw is None else len(tensor.raw) for tensor in request.inputs]
        if None in sizes or any(tensor.datatype == "BYTES" for tensor in request.inputs):
            return None
        zeros = [np.zeros(info.static_shape or (), info.element.numpy) for info in self._outputs]
        frame = infer_response(self._name, self._version, request, self._outputs, zeros)
        if len(frame.body) != 1 + len(self._outputs):
            return None  # an output goes into the JSON
        ends = list(accumulate((size or 0 for size in sizes), initial=json_size))
        part_of = {
            tensor.name: slice(start, end)
            for tensor, start, end in zip(request.inputs, ends, ends[1:], strict=False)
        }
        order = sorted(range(len(self._outputs)), key=lambda index: self._outputs[index].name)
        return KnownRequest(
            tuple(part_of[info.name] for info in self._inputs),
            ends[-1],
            frame.body[0],
            frame.headers,
            tuple(order),
        )
