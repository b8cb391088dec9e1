"""What programs are told about classifications and models: log lines, and the JSON of commands and API.

The types are those of the API's own description (`web/openapi.py`), so `Annotated` texts are for its readers.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, NotRequired

from edge_common.logs import get_logger
from edge_common.pictures.decode import NotAPictureError
from pydantic import Field
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from car_client.models.served_model import ModelTable, ServedModel
from car_client.pipeline.classifier import Classification
from car_client.pipeline.given import Outcome
from car_client.pipeline.request import why_no_jpeg
from car_client.settings import Transport

_log = get_logger()
_LOGGED = 5


class PredictionDocument(TypedDict):
    """One class."""

    index: int
    label: str
    probability: Annotated[float, Field(ge=0, le=1)]


class TimingsDocument(TypedDict):
    """Milliseconds."""

    decode: float
    preprocess: float
    request: float


class ClassificationDocument(TypedDict):
    """What one model says of one picture."""

    image: str
    model: str
    version: int
    top1: Annotated[str, Field(description="The likeliest label, or `not sure`.")]
    sure: bool
    predictions: list[PredictionDocument]
    transport: Literal["tensor", "jpeg"]
    latency_ms: float
    timings_ms: TimingsDocument


class InferenceDocument(ClassificationDocument):
    """A recent classification."""

    id: int
    time: Annotated[str, Field(description="UTC, ISO 8601.", json_schema_extra={"format": "date-time"})]
    origin: Literal["upload", "watch"]
    thumbnail: Annotated[str, Field(description="Path of a small JPEG file.")]


class InferencesDocument(TypedDict):
    """Recent classifications, newest first."""

    inferences: list[InferenceDocument]


class FailureDocument(TypedDict):
    """A model without an answer."""

    model: str
    error: str


class ModelDocument(TypedDict):
    """One model; those that can be used have all keys but `reason`."""

    name: str
    versions: Annotated[dict[str, str], Field(description="Version to state.")]
    usable: bool
    reason: NotRequired[Annotated[str, Field(description="Why it cannot be used.")]]
    version: NotRequired[Annotated[int, Field(description="The one that answers.")]]
    input: NotRequired[str]
    output: NotRequired[str]
    source: NotRequired[Literal["card", "rt_info", "shapes"]]
    preprocessing: NotRequired[dict[str, object]]
    labels: NotRequired[list[str] | None]
    activation: NotRequired[str | None]
    top_k: NotRequired[int]
    min_probability: NotRequired[float]
    jpeg: NotRequired[dict[str, object]]
    description: NotRequired[str]
    warnings: NotRequired[list[str]]


class TableDocument(TypedDict):
    """Every model the server knows."""

    server: str
    models: list[ModelDocument]


def log_inference(result: Classification) -> None:
    """The line that `kubectl logs` shows for one picture and one model."""
    best = result.verdict.predictions
    _log.info(
        "inference",
        model=result.model,
        version=result.version,
        **({"digest": result.digest} if result.digest is not None else {}),
        image=result.picture,
        top1=result.verdict.top1,
        probability=round(best[0].probability, 4),
        top5=[[prediction.label, round(prediction.probability, 4)] for prediction in best[:_LOGGED]],
        latency_ms=_milliseconds(result.latency_seconds),
        transport=result.transport.value,
    )


def log_rejection(name: str, error: NotAPictureError) -> None:
    """The line for a file that is no picture, or not a whole one."""
    _log.warning("picture_rejected", image=name, error=str(error))


def classification_document(result: Classification) -> ClassificationDocument:
    """Probabilities are rounded to six digits, times to hundredths."""
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
        "transport": "jpeg" if result.transport is Transport.JPEG else "tensor",
        "latency_ms": _milliseconds(result.latency_seconds),
        "timings_ms": {
            "decode": _milliseconds(result.decode_seconds),
            "preprocess": _milliseconds(result.preprocess_seconds),
            "request": _milliseconds(result.request_seconds),
        },
    }


def outcome_document(outcome: Outcome) -> Mapping[str, object]:
    """Results, files without one, and models without one."""
    return {
        "results": [classification_document(result) for result in outcome.results],
        "rejected": [{"image": name, "error": str(error)} for name, error in outcome.rejected.items()],
        "failed": [
            {"image": failure.picture, "model": failure.model, "error": str(failure.error)}
            for failure in outcome.failed
        ],
    }


def table_document(server_url: str, table: ModelTable) -> TableDocument:
    """Every model the server at `server_url` knows, also those that cannot be used, and why."""
    return {
        "server": server_url,
        "models": [_model_document(name, states, table) for name, states in sorted(table.states.items())],
    }


def _model_document(name: str, states: Mapping[int, str], table: ModelTable) -> ModelDocument:
    document: ModelDocument = {
        "name": name,
        "versions": {str(version): str(state) for version, state in sorted(states.items())},
        "usable": name in table.usable,
    }
    if name in table.unusable:
        document["reason"] = table.unusable[name]
    return _described(document, table.usable[name]) if name in table.usable else document


def _described(document: ModelDocument, model: ServedModel) -> ModelDocument:
    steps, resizing = model.preprocessing, model.preprocessing.resizing
    return {
        **document,
        "version": model.version,
        "input": str(model.input),
        "output": str(model.output),
        "source": model.source.value,
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
