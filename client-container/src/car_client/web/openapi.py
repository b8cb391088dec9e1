"""The API described, for programs and for the page `/docs`, from the types that the routes answer with."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from edge_common.pictures.decode import FORMATS_FOR_PEOPLE, PictureLimits
from edge_common.quantities import format_size
from pydantic import TypeAdapter

from car_client.output.documents import InferencesDocument
from car_client.web.addresses import AddressRequest
from car_client.web.cameras import CamerasDocument
from car_client.web.error_answers import ErrorDocument
from car_client.web.gateway import ClassifiedDocument, ModelsDocument
from car_client.web.health import StatusDocument
from car_client.web.history import HistoryDocument
from car_client.web.platform.changes import ByDocument, DoneDocument, PinRequest, RetryRequest
from car_client.web.platform.overview import OverviewDocument

_TEXT = {"type": "string"}
_FILE = {"type": "string", "format": "binary"}
_NUMBER = {"type": "integer", "minimum": 0}
_TEXTS = {"type": "array", "items": _TEXT}
_CLASSES = {"type": "integer", "minimum": 1, "maximum": 100}


def openapi_document(limits: PictureLimits) -> dict[str, Any]:
    """OpenAPI 3.1 of everything under `/api` and of the probes."""
    types = _Types()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "car-client",
            "version": version("edgeai-cars-client"),
            "description": "Classifies pictures with every model that the model server has at the moment.",
        },
        "paths": {
            "/api/classify": {"post": _classify_operation(types, limits)},
            "/api/classify-address": {"post": _address_operation(types)},
            "/api/models": {"get": _operation(types, "The server's models now", ModelsDocument)},
            "/api/inferences": {
                "get": _operation(
                    types,
                    "The latest inferences, newest first",
                    InferencesDocument,
                    errors={400: "The limit is wrong."},
                    parameters=[_query("limit", "How many, 1 to 100 (50).", _CLASSES)],
                )
            },
            "/api/thumbnails/{key}.jpg": {
                "get": _operation(
                    types,
                    "A small picture of a recent inference",
                    "image/jpeg",
                    says="At most 160 pixels.",
                    errors={404: "It is not among the recent ones any more."},
                    parameters=[{"name": "key", "in": "path", "required": True, "schema": _TEXT}],
                )
            },
            "/api/platform": {
                "get": _operation(
                    types,
                    "Bucket, sidecar, server and client, every version with its state, and what changed last",
                    OverviewDocument,
                )
            },
            **_change_paths(types),
            "/api/cameras": {"get": _operation(types, "Every source that is watched", CamerasDocument)},
            "/api/cameras/{number}.jpg": {
                "get": _operation(
                    types,
                    "The last picture of a source",
                    "image/jpeg",
                    says="At most 480 pixels.",
                    errors={404: "There is no such source, or no picture of it yet."},
                    parameters=[{"name": "number", "in": "path", "required": True, "schema": _NUMBER}],
                )
            },
            **_history_paths(types),
            "/api/events": {
                "get": _operation(
                    types,
                    "Server-sent events: resync (first), inference; models, platform, cameras: read again",
                    "text/event-stream",
                    says="Endless.",
                    errors={503: "Too many listen already."},
                )
            },
            "/healthz": {"get": _probe(types, "Whether the process works")},
            "/readyz": {"get": _probe(types, "Whether the model server ever answered")},
            "/metrics": {"get": _operation(types, "Metrics for Prometheus", "text/plain")},
        },
        "components": {"schemas": types.schemas},
    }


class _Types:
    """Schemas of the types that were referred to, each by its name."""

    def __init__(self) -> None:
        self.schemas: dict[str, Any] = {}

    def content(self, kind: Any) -> dict[str, Any]:
        """What an answer holds: JSON of the type `kind`, or anything of the media type `kind`."""
        if isinstance(kind, str):
            return {kind: {}}
        schema = TypeAdapter(kind).json_schema(ref_template="#/components/schemas/{model}")
        self.schemas |= schema.pop("$defs", {}) | {kind.__name__: schema}
        return {"application/json": {"schema": {"$ref": f"#/components/schemas/{kind.__name__}"}}}


def _operation(
    types: _Types,
    summary: str,
    answer: Any,
    *,
    says: str = "As asked.",
    errors: Mapping[int, str] | None = None,
    errors_as: Any = ErrorDocument,
    parameters: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    responses = {"200": {"description": says, "content": types.content(answer)}} | {
        str(status): {"description": description, "content": types.content(errors_as)}
        for status, description in (errors or {}).items()
    }
    return {"summary": summary, "parameters": list(parameters), "responses": responses}


def _classify_operation(types: _Types, limits: PictureLimits) -> dict[str, Any]:
    errors = {
        400: "A parameter or the form is wrong.",
        404: "The server serves no such model; the sentence lists those it has.",
        408: "The upload took too long.",
        413: "Too many bytes or pixels.",
        415: "Not a picture, or not a whole one.",
        422: "The model is served but cannot classify pictures.",
        502: "The model server refused or failed.",
        503: "The model server is away or has no model, or this client is busy.",
    }
    operation = _operation(
        types,
        "Classify one picture with one model, several, or all",
        ClassifiedDocument,
        says="At least one model has a result.",
        errors=errors,
        parameters=[
            _query("model", "Only this model; may be repeated. None: all.", _TEXTS),
            _query("top_k", "Classes to return; none: what the model's card says.", _CLASSES),
            _query("name", "A name for logs and lists, when the body is the picture itself.", _TEXT),
        ],
    )
    fields = {"image": _FILE, "model": _TEXTS, "top_k": _CLASSES}
    form = {"type": "object", "required": ["image"], "properties": fields}
    bodies = {"image/*": _FILE, "multipart/form-data": form}
    size = f"{format_size(limits.max_bytes)} and {limits.max_pixels} pixels"
    return operation | {
        "description": f"{FORMATS_FOR_PEOPLE} (its first picture), at most {size}. "
        "As the body itself, or as a form; parameters in the query or in the form.",
        "requestBody": {
            "required": True,
            "content": {kind: {"schema": schema} for kind, schema in bodies.items()},
        },
    }


def _address_operation(types: _Types) -> dict[str, Any]:
    errors = {
        400: "The body is wrong, or the address is not http or https.",
        403: "The client fetches no addresses; a setting allows it.",
        413: "The request is too long, or the picture too large.",
        415: "The body is no JSON, or the address answers no picture.",
        422: "The address gives no picture; the sentence says why.",
        503: "The model server is away or has no model, or this client is busy.",
    }
    operation = _operation(
        types,
        "Fetch the picture at an address and classify it",
        ClassifiedDocument,
        says="At least one model has a result.",
        errors=errors,
    )
    return operation | {
        "description": "Only where the setting PAGE_ADDRESSES allows it: `public` for addresses outside of "
        "private networks, `any` for all.",
        "requestBody": {"required": True, "content": types.content(AddressRequest)},
    }


def _history_paths(types: _Types) -> dict[str, Any]:
    """What is read of the history."""
    filters = [
        _query("model", "Only this model.", _TEXT),
        _query("source", "Only this source; `page` is what people sent.", _TEXT),
        _query("label", "Only labels with this in them.", _TEXT),
        _query("min_probability", "Only answers that are so sure.", {"type": "number"}),
        _query("since", "Not before this ISO 8601 time, UTC where it says no offset.", _TEXT),
        _query("until", "Not after it.", _TEXT),
    ]
    pages = [_query("limit", "1 to 500 (100).", _NUMBER), _query("before", "The last `next`.", _NUMBER)]
    errors = {400: "A parameter is wrong.", 503: "It cannot be read now."}

    def read(summary: str, answer: Any, status: Mapping[int, str], more: Sequence[dict[str, Any]]) -> Any:
        parameters = [*filters, *more]
        return {"get": _operation(types, summary, answer, errors={**errors, **status}, parameters=parameters)}

    return {
        "/api/history": read("Answers that were kept, newest first", HistoryDocument, {}, pages),
        "/api/history.csv": read("The newest million as a table", "text/csv", {404: "None is kept."}, []),
    }


def _change_paths(types: _Types) -> dict[str, Any]:
    """What changes state: each with the sidecar's token, as `Authorization: Bearer`."""
    model = [{"name": "model", "in": "path", "required": True, "schema": _TEXT}]
    errors = {
        400: "The body is wrong.",
        401: "The token is missing or wrong.",
        403: "The sidecar takes no changes, or another site's page asks.",
        404: "There is no such model or version.",
        409: "It cannot be done as things are; the sentence says why.",
        502: "The sidecar failed.",
        503: "The sidecar is away, or its address is not set.",
    }

    def change(summary: str, body: Any, *, of_model: bool = True) -> dict[str, Any]:
        operation = _operation(types, summary, DoneDocument, errors=errors)
        operation["responses"]["202"] = operation["responses"].pop("200")
        return operation | {
            "parameters": model if of_model else [],
            "requestBody": {"required": True, "content": types.content(body)},
        }

    return {
        "/api/models/{model}/pin": {
            "post": change("Hold a model to a version", PinRequest),
            "delete": change("Take the pin away", ByDocument),
        },
        "/api/models/{model}/retry": {"post": change("Try a rejected version again", RetryRequest)},
        "/api/sync": {"post": change("List the bucket now", ByDocument, of_model=False)},
    }


def _probe(types: _Types, summary: str) -> dict[str, Any]:
    fails = {503: "It does not; says why."}
    return _operation(types, summary, StatusDocument, says="It does.", errors=fails, errors_as=StatusDocument)


def _query(name: str, description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}
