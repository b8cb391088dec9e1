"""The API described, for programs and for the page `/docs`, from the types that the routes answer with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from edge_common.pictures.decode import PictureLimits
from edge_common.quantities import format_size
from pydantic import TypeAdapter

from car_client.output.documents import InferencesDocument
from car_client.web.error_answers import ErrorDocument
from car_client.web.gateway import ClassifiedDocument, ModelsDocument
from car_client.web.health import StatusDocument

_TEXT = {"type": "string"}
_FILE = {"type": "string", "format": "binary"}
_TEXTS = {"type": "array", "items": _TEXT}
_CLASSES = {"type": "integer", "minimum": 1, "maximum": 100}


@dataclass(frozen=True, slots=True)
class _Operation:
    """One route; `answer` is the type or the media type of status 200, `errors` tells when others come."""

    path: str
    summary: str
    answer: Any
    says: str = "As asked."
    errors: Mapping[int, str] = field(default_factory=dict)
    errors_as: Any = ErrorDocument
    parameters: Sequence[dict[str, Any]] = ()
    method: str = "get"
    more: dict[str, Any] = field(default_factory=dict)


def openapi_document(limits: PictureLimits) -> dict[str, Any]:
    """OpenAPI 3.1 of everything under `/api` and of the probes."""
    operations = _operations(limits)
    answers = {one: None for operation in operations for one in (operation.answer, operation.errors_as)}
    types = [one for one in answers if not isinstance(one, str)]
    references, definitions = TypeAdapter.json_schemas(
        [(one, "serialization", TypeAdapter(one)) for one in types],
        ref_template="#/components/schemas/{model}",
    )
    schemas = {one: references[one, "serialization"] for one in types}
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method] = _described(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "car-client",
            "version": version("edgeai-cars-client"),
            "description": "Classifies pictures with every model that the model server has at the moment.",
        },
        "paths": paths,
        "components": {"schemas": definitions["$defs"]},
    }


def _described(operation: _Operation, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    def answer(kind: Any, description: str) -> dict[str, Any]:
        content = {kind: {}} if isinstance(kind, str) else {"application/json": {"schema": schemas[kind]}}
        return {"description": description, "content": content}

    described: dict[str, Any] = {
        "summary": operation.summary,
        "responses": {"200": answer(operation.answer, operation.says)}
        | {
            str(status): answer(operation.errors_as, description)
            for status, description in operation.errors.items()
        },
    }
    if operation.parameters:
        described["parameters"] = list(operation.parameters)
    return described | operation.more


def _operations(limits: PictureLimits) -> list[_Operation]:
    return [
        _Operation(
            "/api/classify",
            "Classify one picture with one model, several, or all",
            ClassifiedDocument,
            "At least one model has a result.",
            {
                400: "A parameter or the form is wrong.",
                404: "The server serves no such model; the sentence lists those it has.",
                408: "The upload took too long.",
                413: "Too many bytes or pixels.",
                415: "Not a picture, or not a whole one.",
                422: "The model is served but cannot classify pictures.",
                502: "The model server refused or failed.",
                503: "The model server is away or has no model, or this client is busy.",
            },
            method="post",
            parameters=[
                _query("model", "Only this model; may be repeated. None: all.", _TEXTS),
                _query("top_k", "Classes to return; none: what the model's card says.", _CLASSES),
                _query("name", "A name for logs and lists, when the body is the picture itself.", _TEXT),
            ],
            more=_upload(limits),
        ),
        _Operation("/api/models", "The server's models now", ModelsDocument),
        _Operation(
            "/api/inferences",
            "The latest inferences, newest first",
            InferencesDocument,
            errors={400: "The limit is wrong."},
            parameters=[_query("limit", "How many, 1 to 100 (50).", _CLASSES)],
        ),
        _Operation(
            "/api/thumbnails/{key}.jpg",
            "A small picture of a recent inference",
            "image/jpeg",
            "At most 160 pixels.",
            {404: "It is not among the recent ones any more."},
            parameters=[{"name": "key", "in": "path", "required": True, "schema": _TEXT}],
        ),
        _Operation(
            "/api/events",
            "Server-sent events: resync (first; read all), inference, models (read again)",
            "text/event-stream",
            "Endless.",
            {503: "Too many listen already."},
        ),
        _probe("/healthz", "Whether the process works"),
        _probe("/readyz", "Whether the model server ever answered"),
        _Operation("/metrics", "Metrics for Prometheus", "text/plain", "Text format."),
    ]


def _upload(limits: PictureLimits) -> dict[str, Any]:
    form = {
        "type": "object",
        "required": ["image"],
        "properties": {"image": _FILE, "model": _TEXTS, "top_k": _CLASSES},
    }
    size = f"{format_size(limits.max_bytes)} and {limits.max_pixels} pixels"
    return {
        "description": f"JPEG, PNG, WebP, BMP or GIF (its first picture), at most {size}. "
        "As the body itself, or as a form; parameters in the query or in the form.",
        "requestBody": {
            "required": True,
            "content": {"image/*": {"schema": _FILE}, "multipart/form-data": {"schema": form}},
        },
    }


def _probe(path: str, summary: str) -> _Operation:
    errors = {503: "It does not; says why."}
    return _Operation(path, summary, StatusDocument, "It does.", errors, errors_as=StatusDocument)


def _query(name: str, description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}
