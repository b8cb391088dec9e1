"""The API described, for programs and for the page `/docs`, from the types that the routes answer with."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from edge_common.pictures.decode import FORMATS_FOR_PEOPLE, PictureLimits
from edge_common.quantities import format_size

from car_client.output.documents import InferencesDocument
from car_client.web.addresses import AddressRequest
from car_client.web.cameras import CamerasDocument
from car_client.web.gateway import ClassifiedDocument, ModelsDocument
from car_client.web.health import StatusDocument
from car_client.web.history import HistoryDocument
from car_client.web.operations import CLASSES, FILE, NUMBER, TEXT, TEXTS, Types, described, query
from car_client.web.platform.change_paths import change_paths
from car_client.web.platform.overview import OverviewDocument
from car_client.web.review_operations import review_paths


def openapi_document(limits: PictureLimits) -> dict[str, Any]:
    """OpenAPI 3.1 of everything under `/api` and of the probes."""
    types = Types()
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
            "/api/models": {"get": described(types, "The server's models now", ModelsDocument)},
            "/api/inferences": {
                "get": described(
                    types,
                    "The latest inferences, newest first",
                    InferencesDocument,
                    errors={400: "The limit is wrong."},
                    parameters=[query("limit", "How many, 1 to 100 (50).", CLASSES)],
                )
            },
            "/api/thumbnails/{key}.jpg": {
                "get": described(
                    types,
                    "A small picture of a recent inference",
                    "image/jpeg",
                    says="At most 160 pixels.",
                    errors={404: "It is not among the recent ones any more."},
                    parameters=[{"name": "key", "in": "path", "required": True, "schema": TEXT}],
                )
            },
            "/api/platform": {
                "get": described(
                    types,
                    "Bucket, sidecar, server and client, every version with its state, and what changed last",
                    OverviewDocument,
                )
            },
            **change_paths(types),
            **review_paths(types),
            "/api/cameras": {"get": described(types, "Every source that is watched", CamerasDocument)},
            "/api/cameras/{number}.jpg": {
                "get": described(
                    types,
                    "The last picture of a source",
                    "image/jpeg",
                    says="At most 480 pixels.",
                    errors={404: "There is no such source, or no picture of it yet."},
                    parameters=[{"name": "number", "in": "path", "required": True, "schema": NUMBER}],
                )
            },
            **_history_paths(types),
            "/api/events": {
                "get": described(
                    types,
                    "Server-sent events: resync first; inference; models, platform, cameras, review: read it",
                    "text/event-stream",
                    says="Endless.",
                    errors={503: "Too many listen already."},
                )
            },
            "/healthz": {"get": _probe(types, "Whether the process works")},
            "/readyz": {"get": _probe(types, "Whether the model server ever answered")},
            "/metrics": {"get": described(types, "Metrics for Prometheus", "text/plain")},
        },
        "components": {"schemas": types.schemas},
    }


def _classify_operation(types: Types, limits: PictureLimits) -> dict[str, Any]:
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
    operation = described(
        types,
        "Classify one picture with one model, several, or all",
        ClassifiedDocument,
        says="At least one model has a result.",
        errors=errors,
        parameters=[
            query("model", "Only this model; may be repeated. None: all.", TEXTS),
            query("top_k", "Classes to return; none: what the model's card says.", CLASSES),
            query("name", "A name for logs and lists, when the body is the picture itself.", TEXT),
        ],
    )
    fields = {"image": FILE, "model": TEXTS, "top_k": CLASSES}
    form = {"type": "object", "required": ["image"], "properties": fields}
    bodies = {"image/*": FILE, "multipart/form-data": form}
    size = f"{format_size(limits.max_bytes)} and {limits.max_pixels} pixels"
    return operation | {
        "description": f"{FORMATS_FOR_PEOPLE} (its first picture), at most {size}. "
        "As the body itself, or as a form; parameters in the query or in the form.",
        "requestBody": {
            "required": True,
            "content": {kind: {"schema": schema} for kind, schema in bodies.items()},
        },
    }


def _address_operation(types: Types) -> dict[str, Any]:
    errors = {
        400: "The body is wrong, or the address is not http or https.",
        403: "The client fetches no addresses; a setting allows it.",
        413: "The request is too long, or the picture too large.",
        415: "The body is no JSON, or the address answers no picture.",
        422: "The address gives no picture; the sentence says why.",
        503: "The model server is away or has no model, or this client is busy.",
    }
    operation = described(
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


def _history_paths(types: Types) -> dict[str, Any]:
    """What is read of the history."""
    filters = [
        query("model", "Only this model.", TEXT),
        query("source", "Only this source; `page` is what people sent.", TEXT),
        query("label", "Only labels with this in them.", TEXT),
        query("min_probability", "Only answers that are so sure.", {"type": "number"}),
        query("since", "Not before this ISO 8601 time, UTC where it says no offset.", TEXT),
        query("until", "Not after it.", TEXT),
    ]
    pages = [query("limit", "1 to 500 (100).", NUMBER), query("before", "The last `next`.", NUMBER)]
    errors = {400: "A parameter is wrong.", 503: "It cannot be read now."}

    def read(summary: str, answer: Any, status: Mapping[int, str], more: Sequence[dict[str, Any]]) -> Any:
        parameters = [*filters, *more]
        return {"get": described(types, summary, answer, errors={**errors, **status}, parameters=parameters)}

    number = [{"name": "number", "in": "path", "required": True, "schema": NUMBER}]
    small = described(
        types,
        "The small picture of an answer",
        "image/jpeg",
        errors={404: "None is kept."},
        parameters=number,
    )
    return {
        "/api/history/{number}.jpg": {"get": small},
        "/api/history": read("Answers that were kept, newest first", HistoryDocument, {}, pages),
        "/api/history.csv": read("The newest million as a table", "text/csv", {404: "None is kept."}, []),
    }


def _probe(types: Types, summary: str) -> dict[str, Any]:
    fails = {503: "It does not; says why."}
    return described(types, summary, StatusDocument, says="It does.", errors=fails, errors_as=StatusDocument)
