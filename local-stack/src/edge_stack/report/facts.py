"""What the demonstration found out: the content of demo-report.json, and all that its page is made from.

Times named `at` are seconds since the demonstration began.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Literal

from edge_common.served_state import VersionState
from pydantic import BaseModel, ConfigDict, Field

from edge_stack.measuring.load import Answer, LoadSummary

MAX_POINTS = 3000
"""Requests kept one by one; a page with more is slow to draw and shows nothing more."""


class Fact(BaseModel):
    """Base of all facts: they do not change once found."""

    model_config = ConfigDict(frozen=True, serialize_by_alias=True)


class StepFact(Fact):
    """One claim and what came of it."""

    claim: str
    result: str
    held: bool
    seconds: float


class UploadFact(Fact):
    """How long a finished upload took to be served."""

    model: str
    version: int
    size: int
    """Bytes."""
    found_by: Literal["events", "polling"]
    """What the sidecar was set to use."""
    seconds: float
    """From the last byte of the upload to AVAILABLE."""
    limit: float | None
    """What is promised; None: nothing, under load or for a model of any size."""
    patience: float = 1.0
    """How many times as much is allowed on a slow or busy machine."""

    @property
    def held(self) -> bool:
        """Whether the promise was kept, as far as this machine can."""
        return self.limit is None or self.seconds <= self.limit * self.patience

    @property
    def promise(self) -> str:
        """The limit in words, and what is allowed here when it is more."""
        if self.limit is None:
            return "nothing"
        allowed = f"; allowed here {self.limit * self.patience:.1f} s" if self.patience > 1 else ""
        return f"under {self.limit:g} s{allowed}"


class Prediction(Fact):
    """One line of a model's answer."""

    label: str
    probability: float


class PictureAnswer(Fact):
    """What one model says about a picture, best first."""

    model: str
    version: int
    latency_ms: float
    top: tuple[Prediction, ...]
    agrees: bool
    """Whether the first label is the expected one."""


class PictureFact(Fact):
    """A picture, where it is from, and what the models say."""

    file: str
    expected: str
    source: str
    licence: str
    data_uri: str = Field(default="", exclude=True, repr=False)
    """The picture itself, for the page only."""
    answers: tuple[PictureAnswer, ...]


class TransitionFact(Fact):
    """A version came into a state, as the model server itself says."""

    at: float
    model: str
    version: int
    state: VersionState


class MomentFact(Fact):
    """Something was done from outside, such as an upload."""

    at: float
    what: str


class RequestFact(Fact):
    """One request of the load; `version` None: it failed."""

    at: float
    milliseconds: float
    version: int | None


class LoadFact(Fact):
    """The load during the exchange of versions."""

    model: str
    threads: int
    requests: int
    failures: int
    first_error: str
    versions: tuple[int, ...]
    backward_steps: int
    p50_ms: float
    p99_ms: float
    slowest_ms: float
    points: tuple[RequestFact, ...]
    """At most MAX_POINTS: a quarter of them failures and then the slowest, the rest an even choice."""


class DemoReport(Fact):
    """Everything."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    started: datetime
    seconds: float
    store: str
    machine: str
    software: dict[str, str]
    """Name of a part -> its version."""
    steps: tuple[StepFact, ...]
    uploads: tuple[UploadFact, ...] = ()
    pictures: tuple[PictureFact, ...] = ()
    transitions: tuple[TransitionFact, ...] = ()
    moments: tuple[MomentFact, ...] = ()
    load: LoadFact | None = None

    @property
    def held(self) -> bool:
        """Whether every claim held; a demonstration without a step shows nothing."""
        return bool(self.steps) and all(step.held for step in self.steps)


def load_fact(
    model: str, threads: int, answers: Sequence[Answer], summary: LoadSummary, begun: float
) -> LoadFact:
    """The fact of a load whose summary is `summary`; `begun` is the Unix second the demonstration began."""
    points = [
        RequestFact(
            at=round(one.at - begun, 4), milliseconds=round(one.seconds * 1000, 3), version=one.version
        )
        for one in _chosen(answers, MAX_POINTS)
    ]
    figures = asdict(summary)
    in_ms = {f"{name}_ms": figures.pop(name) * 1000 for name in ("p50", "p99", "slowest")}
    return LoadFact(model=model, threads=threads, points=tuple(points), **figures, **in_ms)


def _chosen(answers: Sequence[Answer], most: int) -> list[Answer]:
    """At most `most` of `answers`, in order: a quarter failures, then slowest; the rest evenly spread."""
    if len(answers) <= most:
        return list(answers)
    failed_then_slowest = sorted(
        range(len(answers)), key=lambda i: (answers[i].version is not None, -answers[i].seconds)
    )
    interesting = set(failed_then_slowest[: most // 4])
    step = len(answers) / (most - len(interesting))
    evenly = {int(place * step) for place in range(most - len(interesting))}
    return [answers[i] for i in sorted(interesting | evenly)]
