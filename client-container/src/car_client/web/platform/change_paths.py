"""How the API describes what changes state."""

from typing import Any

from car_client.web.operations import FILE, TEXT, Types, described
from car_client.web.operator import ByDocument
from car_client.web.platform.changes import (
    DoneDocument,
    PinRequest,
    ReleaseRequest,
    RetryRequest,
    UnpinRequest,
)


def change_paths(types: Types) -> dict[str, Any]:
    """Paths of what changes state: each with the sidecar's token, as `Authorization: Bearer`."""
    model = [{"name": "model", "in": "path", "required": True, "schema": TEXT}]
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
        operation = described(types, summary, DoneDocument, errors=errors)
        operation["responses"]["202"] = operation["responses"].pop("200")
        return operation | {
            "parameters": model if of_model else [],
            "requestBody": {"required": True, "content": types.content(body)},
        }

    return {
        "/api/models/{model}/pin": {
            "post": change("Hold a model to a version", PinRequest),
            "delete": change("Take the pin away", UnpinRequest),
        },
        "/api/models/{model}/retry": {"post": change("Try a rejected version again", RetryRequest)},
        "/api/release": {"post": change("Believe what the bucket lacks now", ReleaseRequest, of_model=False)},
        "/api/uploads": {"post": _upload_operation(change("Send a version", ByDocument, of_model=False))},
        "/api/sync": {"post": change("List the bucket now", ByDocument, of_model=False)},
    }


def _upload_operation(operation: dict[str, Any]) -> dict[str, Any]:
    operation["responses"] |= {
        str(status): {**operation["responses"]["400"], "description": said}
        for status, said in (
            (411, "It does not say how long it is."),
            (413, "It is too large."),
            (415, "No zip."),
        )
    }
    version = {"type": "string", "description": "A whole number, latest, or next."}
    names = {"model": TEXT, "by": TEXT, "version": version}
    return operation | {
        "description": "A zip of the version's folder, at most 2 GiB. It is checked before it is uploaded.",
        "parameters": [
            {"name": name, "in": "query", "required": name != "version", "schema": schema}
            for name, schema in names.items()
        ],
        "requestBody": {"required": True, "content": {"application/zip": {"schema": FILE}}},
    }
