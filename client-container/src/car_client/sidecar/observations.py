"""How the versions of each model answer, in counts; the sidecar is told them while it watches a new one."""

import json
import secrets
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from urllib.parse import quote

from edge_common.errors import EdgeError
from edge_common.logs import get_logger

from car_client.kserve.connection import Connection
from car_client.sidecar.documents import Watch
from car_client.sidecar.follower import SidecarFollower

_MOST_MODELS = 1000
_MOST_VERSIONS = 4
"""Of a model; the one that came first goes."""
_MOST_LABELS = 60
"""Of a model, told apart by their names, the first that are seen; the others count together."""
_OTHERS = "(others)"
_LATELY = 500
"""Answers that count as lately: so many at least, and twice as many at most."""
_LONGEST = 100
_log = get_logger()
_LOOK_SECONDS = 1.0
_REPORT_EVERY = 3
"""Looks."""
_WATCHING = "watching"


@dataclass(frozen=True, slots=True)
class Totals:
    """What one version did so far; `streaks` sums the squares of the lengths of runs of equal answers."""

    answered: int = 0
    not_sure: int = 0
    refused: int = 0
    streaks: int = 0
    label_set: str = ""
    labels: Mapping[str, int] = field(default_factory=dict)

    def since(self, before: "Totals") -> "Totals":
        """What came after `before`."""
        labels = {label: count - before.labels.get(label, 0) for label, count in self.labels.items()}
        return Totals(
            self.answered - before.answered,
            self.not_sure - before.not_sure,
            self.refused - before.refused,
            self.streaks - before.streaks,
            self.label_set,
            {label: count for label, count in labels.items() if count > 0},
        )


@dataclass(slots=True)
class _Version:
    totals: Totals = field(default_factory=Totals)
    middle: Totals = field(default_factory=Totals)
    """The totals some hundred answers ago."""
    base: Totals = field(default_factory=Totals)
    """The same as many answers before that."""


class Tally:
    """Counts the answers of every version. Thread-safe, and never waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._models: dict[str, dict[int, _Version]] = {}
        self._names: dict[tuple[str, str], set[str]] = {}
        """Model and label set -> the labels that are told apart."""

    def source(self) -> "Source":
        """Counts the answers to the pictures of one source, which come one after the other."""
        return Source(self)

    def totals(self, model: str, version: int) -> Totals:
        """All that is counted of a version."""
        with self._lock:
            found = self._models.get(model, {}).get(version)
            return found.totals if found is not None else Totals()

    def lately(self, model: str, version: int) -> Totals:
        """Its last answers: some hundred, all where there are fewer."""
        with self._lock:
            found = self._models.get(model, {}).get(version)
            return found.totals.since(found.base) if found is not None else Totals()

    def change(self, model: str, version: int, how: Callable[[Totals], Totals]) -> None:
        """Replace the totals of a version by what `how` makes of them."""
        with self._lock:
            if model not in self._models and len(self._models) >= _MOST_MODELS:
                return
            versions = self._models.setdefault(model, {})
            one = versions.setdefault(version, _Version())
            if len(versions) > _MOST_VERSIONS:
                versions.pop(next(iter(versions)))
            one.totals = how(one.totals)
            if one.totals.answered - one.middle.answered >= _LATELY:
                one.base, one.middle = one.middle, one.totals

    def name_of(self, model: str, label_set: str, label: str) -> str:
        """The name under which `label` is counted."""
        with self._lock:
            if len(self._names) >= _MOST_MODELS and (model, label_set) not in self._names:
                self._names.clear()
            names = self._names.setdefault((model, label_set), set())
            if label not in names and len(names) >= _MOST_LABELS:
                return _OTHERS
            names.add(label)
            return label


class Source:
    """The answers to one source's pictures."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._lock = threading.Lock()
        self._runs: dict[str, tuple[int, str, int]] = {}
        """Model -> the version, what it said last, and how often in a row."""

    def answer(self, model: str, version: int, label_set: str, label: str) -> None:
        """One picture was answered; an empty `label`: the version was not sure. `label_set` may be empty."""
        with self._lock:
            before = self._runs.get(model)
            length = before[2] + 1 if before is not None and before[:2] == (version, label) else 1
            if len(self._runs) >= _MOST_MODELS:
                self._runs.clear()
            self._runs[model] = version, label, length
        name = self._tally.name_of(model, label_set, label[:_LONGEST]) if label else ""

        def counted(totals: Totals) -> Totals:
            labels = totals.labels
            if name:
                labels = {**labels, name: labels.get(name, 0) + 1}
            return replace(
                totals,
                answered=totals.answered + 1,
                not_sure=totals.not_sure + (not name),
                streaks=totals.streaks + 2 * length - 1,
                label_set=label_set,
                labels=labels,
            )

        self._tally.change(model, version, counted)

    def refuse(self, model: str, version: int) -> None:
        """One picture got no usable answer, though the server was there."""
        self._tally.change(model, version, lambda totals: replace(totals, refused=totals.refused + 1))


@dataclass(frozen=True, slots=True)
class _Begun:
    """A watch as first seen: what was counted of the new version by then, and of the one before lately."""

    since: datetime | None
    new: Totals
    before: Totals


class Reporter:
    """Posts totals; what goes wrong is told once, and never disturbs an inference. Runs in one thread."""

    def __init__(
        self, connection: Connection, follower: SidecarFollower, tally: Tally, *, token: str = ""
    ) -> None:
        """`connection` is the sidecar's, `token` its sync token, which it asks for from other hosts."""
        self._connection = connection
        self._follower = follower
        self._tally = tally
        self._headers = {"Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._name = f"{socket.gethostname()[:40] or 'client'}-{secrets.token_hex(4)}"
        self._begun: dict[str, _Begun] = {}
        self._told = ""

    def run(self, stop: threading.Event) -> None:
        """Look every second, report every third, until `stop` is set."""
        looks = 0
        while not stop.wait(_LOOK_SECONDS):
            self.look(report=looks % _REPORT_EVERY == 0)
            looks += 1

    def look(self, *, report: bool = True) -> None:
        """See what is watched, and report of it."""
        view = self._follower.refresh(max_age=_LOOK_SECONDS)
        models = view.status.models if view.status is not None and view.error is None else {}
        watched = {name: model.watch for name, model in models.items() if model.watch is not None}
        watched = {name: watch for name, watch in watched.items() if watch.state == _WATCHING}
        self._begun = {name: begun for name, begun in self._begun.items() if name in watched}
        for name, watch in watched.items():
            begun = self._begun.get(name)
            if begun is None or begun.since != watch.since:
                new = self._tally.totals(name, watch.local_version)
                begun = _Begun(watch.since, new, self._tally.lately(name, watch.local_before))
                self._begun[name] = begun
            if report:
                self._report(name, watch, begun)

    def _report(self, name: str, watch: Watch, begun: _Begun) -> None:
        new = self._tally.totals(name, watch.local_version).since(begun.new)
        told = {watch.local_version: new, watch.local_before: begun.before}
        versions = {str(version): asdict(totals) for version, totals in told.items()}
        body = json.dumps({"reporter": self._name, "versions": versions}).encode()
        path = f"/v1/models/{quote(name, safe='')}/observations"
        try:
            answer = self._connection.request("POST", path, body=[body], headers=self._headers)
            answer.checked("the report of what a new version answers")
            self._told = ""
        except EdgeError as error:
            if self._told != str(error):
                _log.info("report_not_taken", model=name, reason=str(error))
            self._told = str(error)
