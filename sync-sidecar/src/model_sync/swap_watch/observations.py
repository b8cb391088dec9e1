"""What is seen of a version while it answers: by the model server, and by the clients. Pure values.

All are totals, so one that is lost or told twice changes nothing. Of one watch they make a file with a record
a line, from which every decision can be made again.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from edge_common.printable import printable
from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError

MOST_REPORTERS = 32
MOST_LABELS = 64
MOST_OBSERVATIONS = 240
"""Lines of one watch; when there are more, every second one goes."""
MAX_BYTES = 16 * 1024 * 1024
"""Of a file of observations; a larger one is not ours."""
ABOVE = 10**12
"""Bound, in microseconds, of what took longer than every bound of the server's."""

_MOST_BY_CHANCE = 2.0

_Count = Annotated[int, Field(ge=0, le=10**12)]
_Name = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(printable)]
_Label = Annotated[str, Field(max_length=100), AfterValidator(printable)]
_CONFIG = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class ServerCounts:
    """What the model server counted of a version: inferences that ended, and how long they took."""

    requests: _Count = 0
    failed: _Count = 0
    times: Mapping[int, _Count] = field(default_factory=dict)
    """Upper bound in microseconds -> requests that took no longer, but longer than the bound below; every
    bound of the server's from the first that is not empty."""

    def __sub__(self, before: "ServerCounts") -> "ServerCounts":
        """What was counted since `before`; everything, where a server has begun to count anew."""
        if self.requests < before.requests or self.failed < before.failed:
            return self
        bounds = sorted(self.times.keys() | before.times.keys())
        passed = {bound: max(self.times.get(bound, 0) - before.times.get(bound, 0), 0) for bound in bounds}
        return ServerCounts(self.requests - before.requests, self.failed - before.failed, passed)

    def __add__(self, more: "ServerCounts") -> "ServerCounts":
        bounds = sorted(self.times.keys() | more.times.keys())
        times = {bound: self.times.get(bound, 0) + more.times.get(bound, 0) for bound in bounds}
        return ServerCounts(self.requests + more.requests, self.failed + more.failed, times)


@dataclass(frozen=True)
class Answers:
    """What one client had of a version."""

    __pydantic_config__ = _CONFIG

    answered: _Count = 0
    not_sure: _Count = 0
    """Of those answered."""
    refused: _Count = 0
    """Pictures without a usable answer though the server was there."""
    streaks: _Count = 0
    """Sum of the squares of the lengths of runs of equal answers: a still scene says one thing many times."""
    label_set: Annotated[str, Field(max_length=64), AfterValidator(printable)] = ""
    """The same for versions that know the same classes; empty: they have no labels."""
    labels: Annotated[Mapping[_Label, _Count], Field(max_length=MOST_LABELS)] = field(default_factory=dict)
    """Label -> sure answers."""

    @property
    def alike(self) -> float:
        """How many answers count as one, at least 1: the design effect of runs of equal answers.

        That is the mean length of a run, weighted by length, over what chance alone makes of it. The latter
        is taken to be 2 at most: where nearly all is one label, nobody can tell chance from a still scene.
        """
        if not self.answered:
            return 1.0
        shares = [count / self.answered for count in (self.not_sure, *self.labels.values())]
        by_chance = sum(share * (1 + share) / (1 - share) for share in shares if share < 1)
        known = by_chance if max(shares) < 1 else _MOST_BY_CHANCE
        return max(self.streaks / self.answered / min(max(known, 1.0), _MOST_BY_CHANCE), 1.0)


@dataclass(frozen=True)
class Seen:
    """Both sides' totals of one version; `server` None: its metrics cannot be read."""

    server: ServerCounts | None = None
    clients: Annotated[Mapping[_Name, Answers], Field(max_length=MOST_REPORTERS)] = field(
        default_factory=dict
    )
    """By reporter."""


@dataclass(frozen=True)
class Observation:
    """The totals at one moment of a watch, `at` in Unix seconds."""

    at: float
    seen: Seen


@dataclass(frozen=True)
class Watch:
    """One version watched after it took over from the one before; times in Unix seconds."""

    model: str
    version: str
    """In the bucket."""
    upload_id: str
    local_version: int
    before: str
    """The bucket version that answered before."""
    local_before: int
    since: float
    until: float


@dataclass(frozen=True)
class WatchRecord:
    """A watch with all that was seen in it."""

    watch: Watch
    before: Seen = field(default_factory=Seen)
    """Of the version before, in the time ahead of the swap."""
    observations: tuple[Observation, ...] = ()
    """Of the new one, oldest first."""

    def with_observation(self, observation: Observation) -> "WatchRecord":
        """The same with one more; every second one goes when there are too many."""
        kept = self.observations
        if len(kept) >= MOST_OBSERVATIONS:
            kept = kept[1::2]
        return replace(self, observations=(*kept, observation))


_WATCH, _SEEN, _OBSERVATION = TypeAdapter(Watch), TypeAdapter(Seen), TypeAdapter(Observation)
_REPORT: TypeAdapter[Mapping[int, Answers]] = TypeAdapter(
    Annotated[Mapping[Annotated[int, Field(ge=1, lt=2**31)], Answers], Field(min_length=1, max_length=4)]
)
_NAME: TypeAdapter[str] = TypeAdapter(_Name)


def record_to_lines(record: WatchRecord) -> bytes:
    """The file of a watch: what is watched, what was before, then an observation a line."""
    values: Iterable[Any] = (
        _WATCH.dump_python(record.watch),
        _SEEN.dump_python(record.before),
        *(_OBSERVATION.dump_python(seen) for seen in record.observations),
    )
    return "".join(f"{json.dumps(value)}\n" for value in values).encode()


def record_from_lines(content: bytes) -> WatchRecord:
    """The watch in such a file; raises ValueError when it is none."""
    if len(content) > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES} bytes")
    lines = [line for line in content.splitlines() if line.strip()]
    if len(lines) < 2:  # noqa: PLR2004 - what is watched, and what was before
        raise ValueError("it lacks the line of what is watched, or that of what was before")
    head, before, *rest = lines
    return WatchRecord(
        _WATCH.validate_json(head),
        _SEEN.validate_json(before),
        tuple(_OBSERVATION.validate_json(line) for line in rest[-MOST_OBSERVATIONS:]),
    )


def report_from_mapping(body: Mapping[str, Any]) -> tuple[str, Mapping[int, Answers]]:
    """Who reports, and its totals by local version; raises ValueError that names what is wrong."""
    unknown = body.keys() - {"reporter", "versions"}
    if unknown:
        raise ValueError(f"{printable(min(unknown)[:50])}: unknown key; remove it")
    try:
        return _NAME.validate_python(body.get("reporter")), _REPORT.validate_python(body.get("versions"))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = printable(".".join(map(str, first["loc"]))[:100]) or "the report"
        raise ValueError(f"{place}: {first['msg']}") from error
