"""The line from bucket to client: how each of the four is, and since when. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from car_client.sidecar.documents import Status
from car_client.sidecar.follower import SidecarView

Place = Literal["bucket", "sidecar", "server", "client"]
State = Literal["up", "busy", "away", "unknown"]


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """The model server as this client sees it."""

    address: str
    error: str | None
    """Why it cannot be asked; None: it can."""
    asked: bool
    """Whether it was asked at all yet."""
    usable: int
    """Models that classify."""


@dataclass(frozen=True, slots=True)
class Node:
    """One of the four: a state, a sentence, and since when if somebody other than this client knows it."""

    place: Place
    name: str
    state: State
    sentence: str
    since: datetime | None = None


class NodeDocument(TypedDict):
    """One place of the line."""

    place: Place
    name: str
    state: State
    sentence: str
    since: str | None


Known = Mapping[Place, tuple[State, datetime]]
"""The state of each place, and when it was first seen in it."""


def line(sidecar: SidecarView, server: ServerFacts) -> list[Node]:
    """Bucket, sidecar, server, client, in the order a model takes."""
    return [_bucket(sidecar), _sidecar(sidecar), _server(sidecar, server), _client(server)]


def seen_since(before: Known, nodes: Iterable[Node], now: datetime) -> Known:
    """When each place was first seen in the state it has now; `before` is what was known so far."""
    return {
        node.place: before[node.place]
        if node.place in before and before[node.place][0] == node.state
        else (node.state, now)
        for node in nodes
    }


def _bucket(view: SidecarView) -> Node:
    status = _current(view)
    if status is None:
        return Node("bucket", "Bucket", "unknown", "Not known: only the sidecar sees it.")
    name = f"Bucket {status.store.bucket}".strip()
    cycle = status.cycle
    if cycle.error is not None:
        return Node("bucket", name, "away", cycle.error, cycle.last_success)
    if cycle.result != "success":
        return Node("bucket", name, "busy", "It is being listed for the first time.", cycle.listing_since)
    return Node("bucket", name, "up", f"It answers at {status.store.endpoint}.")


def _sidecar(view: SidecarView) -> Node:
    if view.address is None:
        return Node("sidecar", "Sidecar", "unknown", "Nobody is asked: CAR_CLIENT_SIDECAR_URL is none.")
    if view.error is not None:
        return Node("sidecar", "Sidecar", "away", view.error)
    if view.status is None:
        return Node("sidecar", "Sidecar", "busy", "It is being asked.")
    if not view.status.instance:
        return Node("sidecar", "Sidecar", "busy", "It starts, and has not looked at its volume yet.")
    task = "keeps the volume" if view.status.role == "writer" else "follows another one on the same volume"
    return Node("sidecar", "Sidecar", "up", f"{view.status.instance} {task}.")


def _server(view: SidecarView, server: ServerFacts) -> Node:
    seen = _current(view)
    if server.error is not None:
        return Node("server", "Model server", "away", server.error)
    if not server.asked:
        return Node("server", "Model server", "busy", "It is being asked.")
    if seen is not None and seen.server.state == "busy":
        late = "It is busy with requests, and answers the sidecar late."
        return Node("server", "Model server", "busy", late, seen.server.busy_since)
    if seen is not None and seen.instance and seen.server.state == "away":
        return Node("server", "Model server", "busy", "It answers this client, and not the sidecar.")
    return Node("server", "Model server", "up", f"It answers at {server.address}.")


def _client(server: ServerFacts) -> Node:
    if not server.usable:
        return Node("client", "Client", "busy", "It has no model to classify with.")
    models = "1 model" if server.usable == 1 else f"{server.usable} models"
    return Node("client", "Client", "up", f"It classifies with {models}.")


def _current(view: SidecarView) -> Status | None:
    """What the sidecar says, as long as it can be asked."""
    return view.status if view.error is None else None
