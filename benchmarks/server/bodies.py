"""The same picture or tensor as the requests that KServe v2 knows: binary, JSON, and an encoded picture."""

import base64
import json
import struct
from dataclasses import dataclass

import cv2
import numpy as np
from models import Array, InputFacts

_RANDOM = np.random.default_rng(0)
_JPEG_QUALITY = 90
_BLUR_SIGMA = 4.0
"""A photo of this size takes 10 to 20 kB; unblurred noise would take 60."""
_BINARY_ANSWER = {"binary_data_output": True}


@dataclass(frozen=True, slots=True)
class Body:
    """A KServe request: JSON of `json_length` bytes, then raw tensors; 0: JSON and nothing else."""

    content: bytes
    json_length: int

    @property
    def headers(self) -> dict[str, str]:
        """What tells the server where the JSON ends."""
        if not self.json_length:
            return {"Content-Type": "application/json"}
        return {
            "Content-Type": "application/octet-stream",
            "Inference-Header-Content-Length": str(self.json_length),
        }


def random_tensor(facts: InputFacts) -> Array:
    """Values an input can take: 0 to 255 for bytes, 0 to 1 with six digits for floats."""
    values = _RANDOM.random(facts.shape)
    tensor: Array = (values * 255 if facts.dtype.kind == "u" else values.round(6)).astype(facts.dtype)
    return tensor


def random_jpeg(height: int, width: int) -> bytes:
    """A coloured picture about as hard to decode as a photo."""
    noise = _RANDOM.integers(0, 256, (height, width, 3), np.uint8)
    blurred = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), _BLUR_SIGMA), None, 0, 255, cv2.NORM_MINMAX)  # type: ignore[call-overload]  # its types know no None as target
    _, encoded = cv2.imencode(".jpg", blurred, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return encoded.tobytes()


def binary_body(facts: InputFacts, tensor: Array) -> Body:
    """The tensor behind the JSON; asks for a binary answer."""
    return _with_raw(facts.name, facts.shape, facts.datatype, tensor.tobytes())


def json_body(facts: InputFacts, tensor: Array) -> Body:
    """The tensor as a flat list of numbers."""
    data = [round(value, 6) for value in tensor.ravel().tolist()]
    entry = {"name": facts.name, "shape": list(facts.shape), "datatype": facts.datatype, "data": data}
    return Body(json.dumps({"inputs": [entry]}, separators=(",", ":")).encode(), 0)


def picture_body(facts: InputFacts, picture: bytes) -> Body:
    """An encoded picture behind the JSON, with its length before it."""
    return _with_raw(facts.name, (1,), "BYTES", struct.pack("<I", len(picture)) + picture)


def base64_picture_body(facts: InputFacts, picture: bytes) -> Body:
    """An encoded picture as base64 text, for servers that take no raw BYTES."""
    data = [base64.b64encode(picture).decode()]
    entry = {"name": facts.name, "shape": [1], "datatype": "BYTES", "data": data}
    return Body(json.dumps({"inputs": [entry]}).encode(), 0)


def _with_raw(name: str, shape: tuple[int, ...], datatype: str, raw: bytes) -> Body:
    size = {"binary_data_size": len(raw)}
    entry = {"name": name, "shape": list(shape), "datatype": datatype, "parameters": size}
    head = json.dumps({"inputs": [entry], "parameters": _BINARY_ANSWER}).encode()
    return Body(head + raw, len(head))
