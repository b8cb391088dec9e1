"""The description of the API for programs, and for the page `/docs`."""

from importlib.metadata import version
from typing import Any, Final

from edge_common.pictures.decode import PictureLimits
from edge_common.quantities import format_size

_NUMBER: Final = {"type": "number"}
_TEXT: Final = {"type": "string"}
_COUNT: Final = {"type": "integer"}
_FLAG: Final = {"type": "boolean"}
_TEXTS: Final = {"type": "array", "items": _TEXT}

_PREDICTION: Final = {
    "type": "object",
    "required": ["index", "label", "probability"],
    "properties": {"index": _COUNT, "label": _TEXT, "probability": {**_NUMBER, "minimum": 0, "maximum": 1}},
}
_CLASSIFICATION_PROPERTIES: Final[dict[str, Any]] = {
    "image": _TEXT,
    "model": _TEXT,
    "version": _COUNT,
    "top1": {**_TEXT, "description": "The likeliest label, or `not sure`."},
    "sure": _FLAG,
    "predictions": {"type": "array", "items": {"$ref": "#/components/schemas/Prediction"}},
    "transport": {**_TEXT, "enum": ["tensor", "jpeg"]},
    "latency_ms": _NUMBER,
    "timings_ms": {
        "type": "object",
        "properties": {"decode": _NUMBER, "preprocess": _NUMBER, "request": _NUMBER},
    },
}
_FAILURE: Final = {"type": "object", "properties": {"model": _TEXT, "error": _TEXT}}
_CLASSIFIED: Final = {
    "type": "object",
    "required": ["image", "width", "height", "bytes", "results", "failed"],
    "properties": {
        "image": _TEXT,
        "width": _COUNT,
        "height": _COUNT,
        "bytes": _COUNT,
        "results": {"type": "array", "items": {"$ref": "#/components/schemas/Classification"}},
        "failed": {"type": "array", "items": _FAILURE},
    },
}
_INFERENCE: Final = {
    "type": "object",
    "properties": {
        "id": _COUNT,
        "time": {**_TEXT, "format": "date-time"},
        "origin": {**_TEXT, "enum": ["upload", "watch"]},
        "thumbnail": {**_TEXT, "description": "Path of a small JPEG file."},
        **_CLASSIFICATION_PROPERTIES,
    },
}
_MODEL: Final = {
    "type": "object",
    "required": ["name", "versions", "usable"],
    "properties": {
        "name": _TEXT,
        "versions": {"type": "object", "additionalProperties": _TEXT, "description": "Version to state."},
        "usable": _FLAG,
        "reason": {**_TEXT, "description": "Why it cannot be used."},
        "version": {**_COUNT, "description": "The one that answers."},
        "input": _TEXT,
        "output": _TEXT,
        "source": {**_TEXT, "enum": ["card", "rt_info", "shapes"]},
        "labels": {"type": ["array", "null"], "items": _TEXT},
        "warnings": {"type": "array", "items": _TEXT},
    },
}


def openapi_document(limits: PictureLimits) -> dict[str, Any]:
    """OpenAPI 3.1 of everything under `/api` and of the probes."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "car-client",
            "version": version("car-client"),
            "description": "Classifies pictures with every model that the model server has at the moment.",
        },
        "paths": {
            "/api/classify": {"post": _classify_operation(limits)},
            "/api/models": {"get": _reading("The server's models now", _models_answer())},
            "/api/inferences": {
                "get": {
                    **_reading("The latest inferences, newest first", _inferences_answer()),
                    "parameters": [_query("limit", "How many, 1 to 100 (50).", {**_COUNT, "maximum": 100})],
                }
            },
            "/api/thumbnails/{key}.jpg": {
                "get": {
                    "summary": "A small picture of a recent inference",
                    "parameters": [{"name": "key", "in": "path", "required": True, "schema": _TEXT}],
                    "responses": {
                        "200": {"description": "At most 160 pixels.", "content": {"image/jpeg": {}}},
                        "404": _error("It is not among the recent ones any more."),
                    },
                }
            },
            "/api/events": {
                "get": {
                    "summary": "Server-sent events: resync (first; read all), inference, models (read again)",
                    "responses": {
                        "200": {"description": "Endless.", "content": {"text/event-stream": {}}},
                        "503": _error("Too many listen already."),
                    },
                }
            },
            "/healthz": {"get": _probe("Whether the process works")},
            "/readyz": {"get": _probe("Whether the model server ever answered")},
            "/metrics": {
                "get": {
                    "summary": "Metrics for Prometheus",
                    "responses": {"200": {"description": "Text format.", "content": {"text/plain": {}}}},
                }
            },
        },
        "components": {
            "schemas": {
                "Prediction": _PREDICTION,
                "Classification": {"type": "object", "properties": _CLASSIFICATION_PROPERTIES},
                "Classified": _CLASSIFIED,
                "Inference": _INFERENCE,
                "Model": _MODEL,
                "Error": {"type": "object", "required": ["error"], "properties": {"error": _TEXT}},
            }
        },
    }


def _classify_operation(limits: PictureLimits) -> dict[str, Any]:
    picture = {**_TEXT, "format": "binary"}
    form = {
        "type": "object",
        "required": ["image"],
        "properties": {"image": picture, "model": _TEXTS, "top_k": _COUNT},
    }
    size = f"{format_size(limits.max_bytes)} and {limits.max_pixels} pixels"
    return {
        "summary": "Classify one picture with one model, several, or all",
        "description": f"JPEG, PNG, WebP, BMP or GIF (its first picture), at most {size}. "
        "As the body itself, or as a form; parameters in the query or in the form.",
        "parameters": [
            _query(
                "model", "Only this model; may be repeated. None: all.", {"type": "array", "items": _TEXT}
            ),
            _query("top_k", "Classes to return; none: what the model's card says.", {**_COUNT, "minimum": 1}),
            _query("name", "A name for logs and lists, when the body is the picture itself.", _TEXT),
        ],
        "requestBody": {
            "required": True,
            "content": {"image/*": {"schema": picture}, "multipart/form-data": {"schema": form}},
        },
        "responses": {
            "200": _answer("At least one model has a result.", {"$ref": "#/components/schemas/Classified"}),
            "400": _error("A parameter or the form is wrong."),
            "404": _error("The server serves no such model; the sentence lists those it has."),
            "408": _error("The upload took too long."),
            "413": _error("Too many bytes or pixels."),
            "415": _error("Not a picture, or not a whole one."),
            "422": _error("The model is served but cannot classify pictures."),
            "502": _error("The model server refused or failed."),
            "503": _error("The model server is away or has no model, or this client is busy."),
        },
    }


def _models_answer() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "server": _TEXT,
            "reachable": _FLAG,
            "trouble": {"type": ["string", "null"]},
            "models": {"type": "array", "items": {"$ref": "#/components/schemas/Model"}},
            "limits": {"type": "object"},
        },
    }


def _inferences_answer() -> dict[str, Any]:
    items = {"type": "array", "items": {"$ref": "#/components/schemas/Inference"}}
    return {"type": "object", "properties": {"inferences": items}}


def _reading(summary: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"summary": summary, "responses": {"200": _answer(f"{summary}.", schema)}}


def _probe(summary: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"status": _TEXT, "error": _TEXT}}
    return {
        "summary": summary,
        "responses": {"200": _answer("It does.", schema), "503": _answer("It does not; says why.", schema)},
    }


def _query(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _answer(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _error(description: str) -> dict[str, Any]:
    return _answer(description, {"$ref": "#/components/schemas/Error"})
