"""The one document that the page "Models" shows, from what sidecar, server and client know. Pure."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, cast

from pydantic import Field
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from car_client.output.documents import ModelDocument
from car_client.sidecar.documents import Model, Provenance, Signature, Status, Version
from car_client.sidecar.follower import SidecarView
from car_client.web.platform.advice import AdviceDocument, advice
from car_client.web.platform.line import Known, Node, NodeDocument
from car_client.web.platform.timeline import ChangeDocument, timeline


class VersionDocument(TypedDict):
    """One version, in the bucket, on the volume, or only at the server."""

    version: Annotated[str, Field(description="The folder's name in the bucket.")]
    local_version: Annotated[int | None, Field(description="Its number at the server.")]
    state: str
    reason: str
    bytes: int
    files: int
    since: str | None
    removal: Annotated[str | None, Field(description="From when it counts as removed from the bucket.")]
    progress: Annotated[float | None, Field(description="0 to 1, while it is fetched or tried.")]
    proofs: Annotated[
        list[str], Field(description="Digest, signer, acceptance and origin, a line each, where known.")
    ]


class CardDocument(TypedDict):
    """What is known of a model that classifies."""

    version: int
    description: str
    input: str
    preprocessing: dict[str, object]
    labels: int | None
    warnings: list[str]


class PinDocument(TypedDict):
    """The pin of a model."""

    version: str | None
    holds: Annotated[bool, Field(description="Whether it is followed.")]
    sentence: str


class ModelOverview(TypedDict):
    """One model."""

    name: str
    pin: PinDocument | None
    serving: list[int]
    versions: list[VersionDocument]
    card: CardDocument | None
    trouble: Annotated[str | None, Field(description="Why this client cannot classify with it.")]


class ChangesDocument(TypedDict):
    """Whether pins, retries and the like can be asked for."""

    allowed: bool
    how: Annotated[str, Field(description="Why they cannot, and how to switch them on.")]


class OverviewDocument(TypedDict):
    """Everything from the bucket to the client."""

    line: list[NodeDocument]
    advice: list[AdviceDocument]
    models: list[ModelOverview]
    timeline: list[ChangeDocument]
    changes: ChangesDocument
    current: Annotated[bool, Field(description="Whether the sidecar answers; else it is as last seen.")]


def overview(
    sidecar: SidecarView, nodes: list[Node], known: Known, served: list[ModelDocument]
) -> OverviewDocument:
    """The document; `known`: since when each of `nodes` is as it is; `served`: the server's models."""
    status = sidecar.status or Status()
    at_server = {model["name"]: model for model in served}
    names = sorted({*status.models, *at_server})
    return {
        "line": [_node(node, known) for node in nodes],
        "advice": advice(sidecar, nodes),
        "models": [_model(name, status.models.get(name), at_server.get(name)) for name in names],
        "timeline": timeline(status, sidecar.history),
        "changes": _changes(sidecar),
        "current": sidecar.status is not None and sidecar.error is None,
    }


def _changes(sidecar: SidecarView) -> ChangesDocument:
    if sidecar.status is None or sidecar.error is not None:
        return {"allowed": False, "how": "Changes go through the sidecar, which cannot be asked now."}
    said = sidecar.status.changes
    return {"allowed": said.allowed, "how": said.how or "This sidecar takes no changes."}


def _node(node: Node, known: Known) -> NodeDocument:
    since = node.since or (known[node.place][1] if node.place in known else None)
    return cast("NodeDocument", asdict(node) | {"since": _text(since)})


def _model(name: str, told: Model | None, served: ModelDocument | None) -> ModelOverview:
    versions = [_version(version) for version in told.versions] if told is not None else []
    if told is None and served is not None:
        versions = [_version(_at_server(number, state)) for number, state in served["versions"].items()]
    return {
        "name": name,
        "pin": cast("PinDocument", told.pin.model_dump())
        if told is not None and told.pin is not None
        else None,
        "serving": list(told.serving) if told is not None else _available(served),
        "versions": versions[::-1],
        "card": _card(served) if served is not None and served["usable"] else None,
        "trouble": served.get("reason") if served is not None else None,
    }


def _version(version: Version) -> VersionDocument:
    as_told = version.model_dump(include=VersionDocument.__annotations__.keys() - {"version"})
    times = {"since": _text(version.since), "removal": _text(version.removal)}
    return cast("VersionDocument", {"version": version.source, **as_told, **times, "proofs": proofs(version)})


def _at_server(number: str, state: str) -> Version:
    shown = "serving" if state == "AVAILABLE" else state.lower()
    return Version(source=number, local_version=int(number), state=shown)


def _available(served: ModelDocument | None) -> list[int]:
    states = served["versions"] if served is not None else {}
    return [int(number) for number, state in states.items() if state == "AVAILABLE"]


def _card(served: ModelDocument) -> CardDocument:
    labels = served.get("labels")
    return {
        "version": served.get("version", 0),
        "description": served.get("description", ""),
        "input": served.get("input", ""),
        "preprocessing": served.get("preprocessing", {}),
        "labels": len(labels) if labels is not None else None,
        "warnings": served.get("warnings", []),
    }


def _text(time: datetime | None) -> str | None:
    return time.isoformat() if time is not None else None


def proofs(version: Version) -> list[str]:
    """Digest, signer, acceptance and origin, each where the sidecar tells it."""
    return list(_lines(version))


def _lines(version: Version) -> Iterator[str]:
    if version.digest is not None:
        yield f"Digest {version.digest}"
    if isinstance(version.signature, Signature):
        yield _signed(version.signature)
    elif version.signature is not None:
        yield version.signature
    if version.acceptance is not None:
        yield f"Acceptance: {version.acceptance.sentence}"
    if version.provenance is not None:
        yield _origin(version.provenance)


def _signed(signature: Signature) -> str:
    key = f", trusted by {signature.key}" if signature.key else ""
    problem = f"; {signature.problem}" if signature.problem else ""
    return f"Signed by {signature.signer}{key}{problem}"


def _origin(said: Provenance) -> str:
    version = f" version {said.version}" if said.version else ""
    run = f", run {said.run}" if said.run else ""
    return f"Says it comes from {said.registry}: {said.name}{version}{run}"
