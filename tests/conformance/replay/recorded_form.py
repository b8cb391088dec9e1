"""An answer in the form in which a recording keeps one, so that the two can be compared."""

import base64
import gzip
import json
import re
from typing import Any, NoReturn

from .connection import Answer
from .request_bytes import Description

_HEADER_LENGTH = "inference-header-content-length"
_COUNTS = ("_success", "_fail", "_count")  # the others depend on the machine


def recorded_form(request: Description, answer: Answer) -> dict[str, Any]:
    """Status, the headers that matter, and the body as `json`, `text`, `b64`, `metrics` or `buckets`."""
    headers = {name: answer.headers.get(name) for name in request.get("record_headers", [])}
    if media_type := answer.headers.get("content-type"):
        headers.setdefault("content-type", media_type.partition(";")[0].strip().lower())
    if encoding := answer.headers.get("content-encoding"):
        headers["content-encoding"] = encoding
    if _HEADER_LENGTH in answer.headers:
        headers[_HEADER_LENGTH] = "*"
    form = {"status": answer.status, "headers": headers, "body": _body_form(request, answer)}
    return form if answer.closed is None else {**form, "closed": answer.closed}


def _body_form(request: Description, answer: Answer) -> dict[str, Any]:
    body = gzip.decompress(answer.body) if answer.headers.get("content-encoding") == "gzip" else answer.body
    if request.get("parse") == "metrics":
        return {"metrics": _metrics(body.decode())}
    if request.get("parse") == "buckets":
        return {"buckets": _buckets(body.decode())}
    if (cut := answer.headers.get(_HEADER_LENGTH)) is not None:
        head, tail = body[: int(cut)], body[int(cut) :]
        return {"json": json.loads(head), "tail_b64": base64.b64encode(tail).decode()}
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(body).decode()}
    if request.get("compare") == "text":
        return {"text": text}
    try:
        return {"json": json.loads(text, parse_constant=_not_json)}
    except ValueError:
        return {"text": text}


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _metrics(text: str) -> dict[str, Any]:
    families: dict[str, str] = {}
    series: list[str] = []
    values: dict[str, float] = {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, family, kind = line.split()
            families[family] = kind
        elif line and not line.startswith("#") and "_bucket{" not in line:
            labelled, value = line.rsplit(" ", 1)
            name, _, labels = labelled.rstrip("}").partition("{")
            labelled = f"{name}{{{','.join(sorted(labels.split(',')))}}}"
            series.append(labelled)
            if name.endswith(_COUNTS):
                values[labelled] = float(value)
    return {"families": families, "series": sorted(series), "values": values}


def _buckets(text: str) -> dict[str, list[str]]:
    bounds: dict[str, set[float]] = {}
    for name, bound in re.findall(r'^(\w+_bucket)\{.*?le="([^"]+)"', text, re.MULTILINE):
        bounds.setdefault(name, set()).add(float(bound))
    return {name: [str(bound) for bound in sorted(found)] for name, found in bounds.items()}
