"""What is known of one version as a bill of materials: CycloneDX 1.6, for tools that keep such. Pure."""

from collections.abc import Iterator, Mapping
from importlib.metadata import version as installed
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from edge_common.errors import RejectedError

_SPEC = "1.6"
_SHA256 = "sha256:"
_PROPERTY = "edgeai:"


def chosen_version(status: Mapping[str, Any], model: str, wanted: str) -> Mapping[str, Any]:
    """The row of the version `wanted`, or of the highest that serves; raises RejectedError for none."""
    found = status.get("models", {}).get(model)
    if found is None:
        raise RejectedError(f"no model {model!r} is known; model-sync status lists all")
    rows = [row for row in found["versions"] if row["digest"] is not None]
    if wanted:
        rows = [row for row in rows if row["source"] == wanted]
        where = f"model-sync status {model} lists what is"
        otherwise = f"version {wanted} of {model} is not on the volume; {where}"
    else:
        rows = [row for row in rows if row["local_version"] in found["serving"]]
        otherwise = f"no version of {model} serves; name one that is on the volume with --version"
    if not rows:
        raise RejectedError(otherwise)
    return max(rows, key=lambda row: row["local_version"] or 0)


def bill_of_materials(
    status: Mapping[str, Any], model: str, row: Mapping[str, Any], card: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The document for the version of `row`; `card` is what describes it, None for nothing.

    The same answers of the sidecar give the same document but for its time.
    """
    reference = f"{model}/{row['source']}@{row['digest']}"
    component: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": reference,
        "name": model,
        "version": row["source"],
        "hashes": [{"alg": "SHA-256", "content": row["digest"].removeprefix(_SHA256)}],
        "properties": [{"name": f"{_PROPERTY}{name}", "value": value} for name, value in _properties(row)],
    }
    if card is not None and card.get("description"):
        component["description"] = card["description"]
    model_card = _model_card(row.get("acceptance"), card)
    if model_card:
        component["modelCard"] = model_card
    tool = {"type": "application", "name": "model-sync", "version": installed("edgeai-cars-model-sync")}
    when = {"timestamp": status["time"]} if status.get("time") else {}
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{_SPEC}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": _SPEC,
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, reference)}",
        "version": 1,
        "metadata": {"tools": {"components": [tool]}, **when},
        "components": [component],
    }


def _properties(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "hash-of", "the text of the version's SHA256SUMS: digest and path of each file"
    yield "state", row["state"]
    yield "bytes", str(row["bytes"])
    yield "files", str(row["files"])
    signature = row.get("signature")
    if isinstance(signature, Mapping):
        yield from ((f"signature:{key}", str(value)) for key, value in signature.items())
    elif signature is not None:
        yield "signature", signature
    for key, value in (row.get("provenance") or {}).items():
        if value:
            yield f"provenance:{key}", str(value)
    if row.get("acceptance"):
        yield "acceptance", row["acceptance"]["sentence"]


def _model_card(acceptance: Mapping[str, Any] | None, card: Mapping[str, Any] | None) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    if card is not None:
        labels = card.get("output", {}).get("labels")
        known = isinstance(labels, list)
        classes = f"probabilities of {len(labels)} classes" if known else "scores of classes"
        parts["modelParameters"] = {
            "task": card.get("task", "image-classification"),
            "inputs": [{"format": "image"}],
            "outputs": [{"format": classes}],
        }
    if acceptance is not None:
        parts["quantitativeAnalysis"] = {"performanceMetrics": list(_metrics(acceptance))}
    return parts


def _metrics(acceptance: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    pictures = acceptance["pictures"]
    measured = {
        "top-1": acceptance["top1"] / pictures,
        "top-5": acceptance["top5"] / pictures,
        "latency in ms": acceptance["latency_ms"],
        "slowdown": acceptance["slowdown"],
        "agreement": acceptance["agreed"] / pictures if acceptance["agreed"] is not None else None,
    }
    against = f", against version {acceptance['served']}" if acceptance["served"] else ""
    for name, value in measured.items():
        if value is not None:
            compared = against if name in {"slowdown", "agreement"} else ""
            which = f"{pictures} acceptance pictures{compared}"
            yield {"type": name, "value": f"{value:.4g}", "slice": which}
