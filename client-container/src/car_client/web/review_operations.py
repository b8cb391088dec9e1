"""How what is asked about pictures in review is described."""

from typing import Any

from car_client.web.operations import TEXT, Types, described
from car_client.web.operator import ByDocument
from car_client.web.review import LabelRequest, ReviewDocument, ReviewItemDocument

_ERRORS = {
    400: "The body is wrong.",
    401: "The token is missing or wrong.",
    403: "The sidecar takes no changes, or another site's page asks.",
    404: "No place for reviews is set, or there is no such picture.",
    503: "The store or the sidecar is away.",
}


def review_paths(types: Types) -> dict[str, Any]:
    """What is read, and what is changed with the sidecar's token."""
    item = [_part("day"), _part("digest")]
    picture = described(
        types, "A picture in review", "image/jpeg", errors={404: "None.", 503: "Away."}, parameters=item
    )
    send = described(
        types,
        "Send the last picture of a source to review",
        ReviewItemDocument,
        says="It is there; one that was there since today stays as it was labelled.",
        errors=_ERRORS | {409: "There are as many as there may be."},
        parameters=[_part("number")],
    )
    label = described(
        types,
        "Say what a picture in review shows; whoever says it last is believed",
        ReviewItemDocument,
        errors=_ERRORS,
        parameters=item,
    )
    return {
        "/api/review": {
            "get": described(
                types, "The newest pictures in review", ReviewDocument, errors={503: "The store is away."}
            )
        },
        "/api/review/{day}/{digest}.jpg": {"get": picture},
        "/api/review/{day}/{digest}": {"put": label | _body(types, LabelRequest)},
        "/api/cameras/{number}/review": {"post": send | _body(types, ByDocument)},
    }


def _part(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": TEXT}


def _body(types: Types, kind: Any) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": types.content(kind)}}
