"""What an operator does next, as sentences, the most urgent first. Pure."""

from collections.abc import Iterable, Iterator
from typing import Literal

from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from car_client.sidecar.documents import Version
from car_client.sidecar.follower import SidecarView
from car_client.web.platform.line import Node

Urgency = Literal["bad", "busy", "good"]
_MOST = 6
_UNDER_WAY = frozenset({"downloading", "verifying", "preflight", "publishing"})
_PUSH = "model-sync push FOLDER --model NAME --version 1"


class AdviceDocument(TypedDict):
    """One sentence, and how urgent it is."""

    urgency: Urgency
    sentence: str


def advice(sidecar: SidecarView, nodes: Iterable[Node]) -> list[AdviceDocument]:
    """At least one sentence; at most six, with what is left out counted in the last."""
    found = [*_about_places(sidecar, nodes), *_about_models(sidecar)]
    if not found:
        found = [AdviceDocument(urgency="good", sentence=_all_well(sidecar))]
    order: tuple[Urgency, ...] = ("bad", "busy", "good")
    found.sort(key=lambda one: order.index(one["urgency"]))
    left = len(found) - _MOST
    if left <= 0:
        return found
    more = AdviceDocument(urgency="busy", sentence=f"{left + 1} more: see the models below.")
    return [*found[: _MOST - 1], more]


def _about_places(sidecar: SidecarView, nodes: Iterable[Node]) -> Iterator[AdviceDocument]:
    meanwhile = "What is served goes on answering; new uploads wait."
    if sidecar.address is None:
        yield _busy(
            "Set CAR_CLIENT_SIDECAR_URL to the sidecar's address, such as http://localhost:8081, and start "
            "this client again: then this page shows the bucket, every version and what changed."
        )
    for node in nodes:
        if node.state != "away":
            continue
        match node.place:
            case "bucket":
                yield _bad(f"The bucket cannot be listed: start the store, or mend what it says. {meanwhile}")
            case "sidecar":
                yield _bad(f"The sidecar does not answer: start it, or read its log. {meanwhile}")
            case "server":
                yield _bad(
                    "The model server does not answer: start it, or read its log. Nothing is classified."
                )


def _about_models(sidecar: SidecarView) -> Iterator[AdviceDocument]:
    status = sidecar.status
    if status is None or not status.instance:
        return
    under_way = _UNDER_WAY | {"activating"} if status.server.state == "answers" else _UNDER_WAY
    if not status.models:
        yield _busy(f"Upload a model: {_PUSH}")
    for name, model in status.models.items():
        answers = (
            f"Version {model.serving[-1]} answers meanwhile."
            if model.serving
            else "No version of it answers."
        )
        for version in model.versions:
            yield from _about_version(name, version, answers, under_way)
        if model.pin is not None and model.pin.holds:
            yield _busy(f"{name} is held: {_clause(model.pin.sentence)}. Unpin it when that is over.")
    for notice in status.notices:
        yield _busy(f"{_clause(notice)}.")


def _about_version(
    name: str, version: Version, answers: str, under_way: frozenset[str]
) -> Iterator[AdviceDocument]:
    which = f"{name} version {version.source}"
    if version.state == "rejected":
        yield _bad(f"{which} is not fit to serve: {_clause(version.reason)}. {answers}")
    elif version.state in {"waiting", "held"}:
        yield _busy(
            f"{which} is {version.state}: {_clause(version.reason) or 'its upload is not complete yet'}."
        )
    elif version.state in under_way:
        yield _busy(f"{which} is on its way; nothing to do. {answers}")


def _all_well(sidecar: SidecarView) -> str:
    models = sidecar.status.models.values() if sidecar.status is not None else ()
    serving = sum(bool(model.serving) for model in models)
    if not serving:
        return "Nothing to do."
    return f"Nothing to do: {serving} {'model answers' if serving == 1 else 'models answer'}."


def _clause(sentence: str) -> str:
    """`sentence` without its full stop, to go on after it."""
    return sentence.rstrip(". ")


def _bad(sentence: str) -> AdviceDocument:
    return {"urgency": "bad", "sentence": sentence}


def _busy(sentence: str) -> AdviceDocument:
    return {"urgency": "busy", "sentence": sentence}
