"""What is told about classifications and models to machines: log events and JSON documents."""

from collections.abc import Mapping
from typing import Any

from edge_common.logs import get_logger
from edge_common.pictures.decode import NotAPictureError

from car_client.classify_files import Outcome
from car_client.inference.classifier import Classification
from car_client.inference.transport import why_no_jpeg
from car_client.models.model_table import ModelChange, ModelTable
from car_client.models.served_model import ServedModel

_log = get_logger()
_LOGGED = 5


def log_inference(result: Classification) -> None:
    """The line that `kubectl logs` shows for one picture and one model."""
    best = result.verdict.predictions
    _log.info(
        "inference",
        model=result.model,
        version=result.version,
        image=result.picture,
        top1=result.verdict.top1,
        probability=round(best[0].probability, 4),
        top5=[[prediction.label, round(prediction.probability, 4)] for prediction in best[:_LOGGED]],
        latency_ms=_milliseconds(result.latency_seconds),
        transport=str(result.transport),
    )


def log_rejection(name: str, error: NotAPictureError) -> None:
    """The line for a file that is no picture, or not a whole one."""
    _log.warning("picture_rejected", image=name, error=str(error))


def log_change(change: ModelChange) -> None:
    """One line for one change of the model table."""
    write = _log.warning if change.is_trouble else _log.info
    write(change.event, model=change.model, **change.details)


def classification_document(result: Classification) -> dict[str, Any]:
    """A classification for scripts."""
    return {
        "image": result.picture,
        "model": result.model,
        "version": result.version,
        "top1": result.verdict.top1,
        "sure": result.verdict.sure,
        "predictions": [
            {"index": p.index, "label": p.label, "probability": round(p.probability, 6)}
            for p in result.verdict.predictions
        ],
        "transport": str(result.transport),
        "latency_ms": _milliseconds(result.latency_seconds),
        "timings_ms": {
            "decode": _milliseconds(result.decode_seconds),
            "preprocess": _milliseconds(result.preprocess_seconds),
            "request": _milliseconds(result.request_seconds),
        },
    }


def outcome_document(outcome: Outcome) -> dict[str, Any]:
    """What came of classifying files, for scripts."""
    return {
        "results": [classification_document(result) for result in outcome.results],
        "rejected": [{"image": name, "error": str(error)} for name, error in outcome.rejected.items()],
        "failed": [{"model": name, "error": str(error)} for name, error in outcome.failed.items()],
    }


def table_document(server_url: str, table: ModelTable) -> dict[str, Any]:
    """The model table for scripts: every model the server knows, also those that cannot be used, and why."""
    return {
        "server": server_url,
        "models": [_model_document(name, states, table) for name, states in sorted(table.states.items())],
    }


def _model_document(name: str, states: Mapping[int, str], table: ModelTable) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": name,
        "versions": {str(version): str(state) for version, state in sorted(states.items())},
        "usable": name in table.usable,
    }
    if name in table.unusable:
        document["reason"] = table.unusable[name]
    if name in table.usable:
        document |= _description(table.usable[name])
    return document


def _description(model: ServedModel) -> dict[str, Any]:
    steps, resizing = model.preprocessing, model.preprocessing.resizing
    return {
        "version": model.version,
        "input": str(model.input),
        "output": str(model.output),
        "source": str(model.source),
        "preprocessing": {
            "size": [steps.height, steps.width],
            "layout": str(steps.layout),
            "color": str(steps.color),
            "mean": list(steps.mean),
            "scale": list(steps.scale),
            "datatype": model.input.datatype,
            "resize": str(resizing.mode),
            "fraction": resizing.fraction,
            "interpolation": str(resizing.interpolation),
        },
        "labels": list(model.labels) if model.labels is not None else None,
        "activation": str(model.activation) if model.activation is not None else None,
        "top_k": model.top_k,
        "min_probability": model.min_probability,
        "jpeg": {"possible": why_no_jpeg(model) is None, "reason": why_no_jpeg(model)},
        "description": model.description,
        "warnings": list(model.warnings),
    }


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 2)
