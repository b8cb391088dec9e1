"""One request and its answer, so that nothing is measured that computes something else."""

import json
import urllib.error
import urllib.request
from typing import Any

import numpy as np
from bodies import Body
from models import Array

_SECONDS = 60
_TOLERANCE = 0.03
"""Of the largest value: in JSON, bfloat16 and another picture decoder the last digits differ."""


def check_answer(url: str, body: Body, expected: Array) -> None:
    """SystemExit unless the server at `url` computes what OpenVINO computed in this process."""
    got = _first_output(url, body).ravel()
    wanted = expected.ravel()
    if got.shape != wanted.shape or np.abs(got - wanted).max() > _TOLERANCE * max(np.abs(wanted).max(), 1e-6):
        raise SystemExit(
            f"{url} answers {got[:4]}… ({got.size} values) where OpenVINO gives {wanted[:4]}… ({wanted.size})"
        )


def _first_output(url: str, body: Body) -> Array:
    request = urllib.request.Request(url, data=body.content, headers=body.headers, method="POST")  # noqa: S310 - an address of ours
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 - as above
            content: bytes = answer.read()
            length = answer.headers.get("Inference-Header-Content-Length")
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{url} answered {error.code}: {error.read(500)!r}") from error
    if length is None:
        output: dict[str, Any] = json.loads(content)["outputs"][0]
    else:
        output = json.loads(content[: int(length)])["outputs"][0]
    if "data" in output:
        return np.asarray(output["data"], np.float32)
    return np.frombuffer(content[int(length or 0) :], np.float32)
