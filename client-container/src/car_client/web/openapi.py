"""The API described, for programs and for the page `/docs`, from the types that the routes answer with."""

from importlib.metadata import version
from typing import Any

from edge_common.pictures.decode import FORMATS_FOR_PEOPLE, PictureLimits
from edge_common.quantities import format_size

from car_client.output.documents import InferencesDocument
from car_client.web.cameras import CamerasDocument
from car_client.web.gateway import ClassifiedDocument, ModelsDocument
from car_client.web.health import StatusDocument
from car_client.web.history import HistoryDocument
from car_client.web.operations import (
    CHANGE_ERRORS,
    CLASSES,
    FILE,
    JPEG,
    NUMBER,
    TEXT,
    TEXTS,
    Operations,
    get,
    in_path,
    query,
)
from car_client.web.operator import ByDocument
from car_client.web.platform.changes import (
    DoneDocument,
    PinRequest,
    ReleaseRequest,
    RetryRequest,
    UnpinRequest,
)
from car_client.web.platform.overview import OverviewDocument
from car_client.web.review import LabelRequest, ReviewDocument, ReviewItemDocument
from car_client.web.uploads import AddressRequest

_BUSY = "The model server is away or has no model, or this client is busy."
_ONE_RESULT = "At least one model has a result."


def openapi_document(limits: PictureLimits) -> dict[str, Any]:
    """OpenAPI 3.1 of everything under `/api` and of the probes."""
    api = Operations()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "car-client",
            "version": version("edgeai-cars-client"),
            "description": "Classifies pictures with every model that the model server has at the moment.",
        },
        "paths": {
            **_classify_paths(api, limits),
            **_platform_paths(api),
            **_camera_paths(api),
            **_history_paths(api),
            "/api/events": get(
                api.of(
                    "Server-sent events: resync first; inference; models, platform, cameras, review: read it",
                    "text/event-stream",
                    says="Endless.",
                    errors={503: "Too many listen already."},
                )
            ),
            "/healthz": _probe(api, "Whether the process works"),
            "/readyz": _probe(api, "Whether the model server ever answered"),
            "/metrics": get(api.of("Metrics for Prometheus", "text/plain")),
        },
        "components": {"schemas": api.schemas},
    }


def _classify_paths(api: Operations, limits: PictureLimits) -> dict[str, Any]:
    size = f"{format_size(limits.max_bytes)} and {limits.max_pixels} pixels"
    form = {
        "type": "object",
        "required": ["image"],
        "properties": {"image": FILE, "model": TEXTS, "top_k": CLASSES},
    }
    classify = api.of(
        "Classify one picture with one model, several, or all",
        ClassifiedDocument,
        query("model", "Only this model; may be repeated. None: all.", TEXTS),
        query("top_k", "Classes to return; none: what the model's card says.", CLASSES),
        query("name", "A name for logs and lists, when the body is the picture itself.", TEXT),
        says=_ONE_RESULT,
        errors={
            400: "A parameter or the form is wrong.",
            404: "The server serves no such model; the sentence lists those it has.",
            408: "The upload took too long.",
            413: "Too many bytes or pixels.",
            415: "Not a picture, or not a whole one.",
            422: "The model is served but cannot classify pictures.",
            502: "The model server refused or failed.",
            503: _BUSY,
        },
        description=f"{FORMATS_FOR_PEOPLE} (its first picture), at most {size}. "
        "As the body itself, or as a form; parameters in the query or in the form.",
        body={"image/*": FILE, "multipart/form-data": form},
    )
    classify_address = api.of(
        "Fetch the picture at an address and classify it",
        ClassifiedDocument,
        says=_ONE_RESULT,
        errors={
            400: "The body is wrong, or the address is not http or https.",
            403: "The client fetches no addresses; a setting allows it.",
            413: "The request is too long, or the picture too large.",
            415: "The body is no JSON, or the address answers no picture.",
            422: "The address gives no picture; the sentence says why.",
            503: _BUSY,
        },
        description="Only where the setting PAGE_ADDRESSES allows it: `public` for addresses outside of "
        "private networks, `any` for all.",
        body=AddressRequest,
    )
    limit = query("limit", "How many, 1 to 100 (50).", CLASSES)
    latest = api.of(
        "The latest inferences, newest first", InferencesDocument, limit, errors={400: "The limit is wrong."}
    )
    thumbnail = api.of(
        "A small picture of a recent inference",
        JPEG,
        in_path("key"),
        says="At most 160 pixels.",
        errors={404: "It is not among the recent ones any more."},
    )
    return {
        "/api/classify": {"post": classify},
        "/api/classify-address": {"post": classify_address},
        "/api/models": get(api.of("The server's models now", ModelsDocument)),
        "/api/inferences": get(latest),
        "/api/thumbnails/{key}.jpg": get(thumbnail),
    }


def _platform_paths(api: Operations) -> dict[str, Any]:
    errors = CHANGE_ERRORS | {
        404: "There is no such model or version.",
        409: "It cannot be done as things are; the sentence says why.",
        502: "The sidecar failed.",
        503: "The sidecar is away, or its address is not set.",
    }
    model = in_path("model")

    def change(summary: str, body: Any, *parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
        return api.of(summary, DoneDocument, *parameters, status=202, body=body, **{"errors": errors, **more})

    sent = {"model": TEXT, "by": TEXT, "version": TEXT | {"description": "A whole number, latest, or next."}}
    upload = change(
        "Send a version",
        {"application/zip": FILE},
        *(
            {"name": name, "in": "query", "required": name != "version", "schema": schema}
            for name, schema in sent.items()
        ),
        errors=errors | {411: "It does not say how long it is.", 413: "It is too large.", 415: "No zip."},
        description="A zip of the version's folder, at most 2 GiB. It is checked before it is uploaded.",
    )
    overview = "Bucket, sidecar, server and client, every version with its state, and what changed last"
    return {
        "/api/platform": get(api.of(overview, OverviewDocument)),
        "/api/models/{model}/pin": {
            "post": change("Hold a model to a version", PinRequest, model),
            "delete": change("Take the pin away", UnpinRequest, model),
        },
        "/api/models/{model}/retry": {"post": change("Try a rejected version again", RetryRequest, model)},
        "/api/release": {"post": change("Believe what the bucket lacks now", ReleaseRequest)},
        "/api/uploads": {"post": upload},
        "/api/sync": {"post": change("List the bucket now", ByDocument)},
    }


def _camera_paths(api: Operations) -> dict[str, Any]:
    """The sources, and pictures of theirs in review."""
    errors = CHANGE_ERRORS | {
        404: "No place for reviews is set, or there is no such picture.",
        503: "The store or the sidecar is away.",
    }
    item = (in_path("day"), in_path("digest"))
    last = api.of(
        "The last picture of a source",
        JPEG,
        in_path("number", NUMBER),
        says="At most 480 pixels.",
        errors={404: "There is no such source, or no picture of it yet."},
    )
    listed = api.of("The newest pictures in review", ReviewDocument, errors={503: "The store is away."})
    picture = api.of("A picture in review", JPEG, *item, errors={404: "None.", 503: "Away."})
    send = api.of(
        "Send the last picture of a source to review",
        ReviewItemDocument,
        in_path("number"),
        says="It is there; one that was there since today stays as it was labelled.",
        errors=errors | {409: "There are as many as there may be."},
        body=ByDocument,
    )
    label = api.of(
        "Say what a picture in review shows; whoever says it last is believed",
        ReviewItemDocument,
        *item,
        errors=errors,
        body=LabelRequest,
    )
    return {
        "/api/review": get(listed),
        "/api/review/{day}/{digest}.jpg": get(picture),
        "/api/review/{day}/{digest}": {"put": label},
        "/api/cameras/{number}/review": {"post": send},
        "/api/cameras": get(api.of("Every source that is watched", CamerasDocument)),
        "/api/cameras/{number}.jpg": get(last),
    }


def _history_paths(api: Operations) -> dict[str, Any]:
    filters = (
        query("model", "Only this model.", TEXT),
        query("source", "Only this source; `page` is what people sent.", TEXT),
        query("label", "Only labels with this in them.", TEXT),
        query("min_probability", "Only answers that are so sure.", {"type": "number"}),
        query("since", "Not before this ISO 8601 time, UTC where it says no offset.", TEXT),
        query("until", "Not after it.", TEXT),
    )
    pages = (query("limit", "1 to 500 (100).", NUMBER), query("before", "The last `next`.", NUMBER))
    errors = {400: "A parameter is wrong.", 503: "It cannot be read now."}
    absent = {404: "None is kept."}
    small = api.of("The small picture of an answer", JPEG, in_path("number", NUMBER), errors=absent)
    listed = api.of("Answers that were kept, newest first", HistoryDocument, *filters, *pages, errors=errors)
    table = api.of("The newest million as a table", "text/csv", *filters, errors=errors | absent)
    return {
        "/api/history/{number}.jpg": get(small),
        "/api/history": get(listed),
        "/api/history.csv": get(table),
    }


def _probe(api: Operations, summary: str) -> dict[str, Any]:
    fails = {503: "It does not; says why."}
    return get(api.of(summary, StatusDocument, says="It does.", errors=fails, errors_as=StatusDocument))
