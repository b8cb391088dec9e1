"""The files beside a model that it keeps its weights in: whether they are there, and as long as it says.

Runs in the child of `preflight`, because it reads what strangers wrote.
"""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_common.quantities import format_size

from model_sync.bucket.keys import path_problem

_DATA = re.compile(rb"<data\b[^>]*>")
_PLACE = re.compile(rb"\b(offset|size)=[\"'](\d{1,18})[\"']")


def unusable_weights(folder: Path, name: str) -> dict[str, str] | None:
    """What is wrong with the weights of the model file `name` in `folder`, as the child answers it.

    `missing` names a file that is not there, `rejection` says why one cannot be used; None: nothing is wrong.
    """
    path = folder / name
    if path.suffix == ".xml":
        return _too_short(path, path.with_suffix(".bin"))
    return _unusable_external_data(folder, name) if path.suffix == ".onnx" else None


def _too_short(model: Path, weights: Path) -> dict[str, str] | None:
    """OpenVINO serves weights of another model, if they are long enough; when they are not, say it better."""
    needed = 0
    for data in _DATA.finditer(model.read_bytes()):
        place = dict(_PLACE.findall(data[0]))
        if place.keys() >= {b"offset", b"size"}:
            needed = max(needed, int(place[b"offset"]) + int(place[b"size"]))
    there = weights.stat().st_size if weights.is_file() else 0
    if there >= needed:
        return None
    return {
        "rejection": f"{weights.name} has {format_size(there)}, and {model.name} needs {format_size(needed)} "
        "of weights: it is cut, or belongs to another model; upload both files again"
    }


def _unusable_external_data(folder: Path, name: str) -> dict[str, str] | None:
    """As OpenVINO reads ONNX: a location is relative to the model, may hold `./`, and stays in its folder."""
    path = folder / name
    if b"location" not in path.read_bytes():
        return None  # no tensor names a file
    import onnx  # noqa: PLC0415 - heavy, and only a few models need it
    from google.protobuf.message import DecodeError  # noqa: PLC0415 - as above

    try:
        model = onnx.load(path, load_external_data=False)
    except DecodeError:
        return None  # OpenVINO says it better
    for location in _external_locations(model.graph):
        plain = posixpath.normpath(location)
        if path_problem(plain) is not None:
            return {"rejection": f"{name} keeps weights in {location!r}, outside its folder; export it anew"}
        if not (folder / plain).is_file():
            return {"missing": f"waiting for {plain}, named by {name}"}
    return None


def _external_locations(graph: Any) -> Iterator[str]:
    attributes = [attribute for node in graph.node for attribute in node.attribute]
    tensors = [*graph.initializer, *(tensor for a in attributes for tensor in (a.t, *a.tensors))]
    for tensor in tensors:
        yield from (entry.value for entry in tensor.external_data if entry.key == "location")
    for attribute in attributes:
        for inner in (attribute.g, *attribute.graphs):
            if inner.node or inner.initializer:
                yield from _external_locations(inner)
