"""Steps of the demonstration: a claim, what is done to check it, the verdict, and what they find together."""

import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path

import psutil
from edge_common.errors import EdgeError

from edge_stack.components import program
from edge_stack.measuring.served_timeline import ServedTimeline
from edge_stack.processes.command import Command
from edge_stack.report.facts import (
    DemoReport,
    LoadFact,
    MomentFact,
    PictureFact,
    StepFact,
    TransitionFact,
    UploadFact,
)
from edge_stack.report.screen import Screen
from edge_stack.stack import Stack

_LONGEST_RESULT = 300
_ROUNDS = 2_500_000
_REFERENCE_SECONDS = 0.3
"""What the work took on an idle core of the machine that the promises were measured on."""
MOST_PATIENCE = 10.0
"""More is no patience any more."""
_SOFTWARE = {
    "openvino": "openvino",
    "minio": "minio",
    "moto": "moto",
    "edge-stack": "edgeai-cars-stack",
    "model-sync": "edgeai-cars-model-sync",
    "ovms-lite": "edgeai-cars-ovms-lite",
    "car-client": "edgeai-cars-client",
    "car-models": "edgeai-cars-models",
}
"""What the report names, and the distribution that has it."""


class NotHeldError(EdgeError):
    """What was measured contradicts the claim; the message is the measurement."""


@dataclass(frozen=True)
class Step:
    """`check` returns what it measured; it raises NotHeldError, or any EdgeError, when the claim fails."""

    claim: str
    check: Callable[[], str]
    needed_by_all: bool = False
    """Whether the steps after it are pointless when it fails."""


def run_steps(
    steps: Sequence[Step], screen: Screen, *, clock: Callable[[], float] = time.monotonic
) -> list[StepFact]:
    """Run the steps in order; every claim gets a verdict, also those that could not be tried any more."""
    facts: list[StepFact] = []
    missing: str | None = None
    for step in steps:
        if missing is None:
            with screen.running(step.claim):
                fact = _verdict(step, clock)
            missing = step.claim if step.needed_by_all and not fact.held else None
        else:
            fact = StepFact(claim=step.claim, result=f"not tried: needs “{missing}”", held=False, seconds=0)
        screen.show(fact)
        facts.append(fact)
    return facts


def _verdict(step: Step, clock: Callable[[], float]) -> StepFact:
    begun = clock()
    try:
        result, held = step.check(), True
    except EdgeError as error:
        result, held = str(error), False
    if len(result) > _LONGEST_RESULT:
        result = f"{result[:_LONGEST_RESULT]}…"
    return StepFact(claim=step.claim, result=result, held=held, seconds=clock() - begun)


def measured_slowness(clock: Callable[[], float] = time.perf_counter, rounds: int = _ROUNDS) -> float:
    """How many times longer a fixed piece of work takes here than there; 1 for a faster machine, at most 10.

    One figure for slow cores and for cores that others use; it is of this moment, and takes 0.3 s on an idle
    machine.
    """
    begun, total = clock(), 0
    for number in range(rounds):
        total += number * number % 7
    return min(MOST_PATIENCE, max(1.0, (clock() - begun) / _REFERENCE_SECONDS))


def in_words(patience: float) -> str:
    """What the report says of it; nothing when nothing is scaled."""
    if patience <= 1:
        return ""
    return f"; slower or busier than the machine of the promises: {patience:.1f} times the time is allowed"


def _machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    cores = psutil.cpu_count() or 1
    python = platform.python_version()
    system = f"{platform.system()} {platform.machine()}"
    others = f"{os.getloadavg()[0]:.1f} busy with other work before"
    return f"{cores} cores ({others}), {memory:.0f} GiB, {system}, Python {python}"


@dataclass
class Findings:
    """Filled by the steps in their order."""

    stack: Stack
    timeline: ServedTimeline
    models: Path
    """Where the models to upload are built."""
    pictures_from: Path
    """Where the pictures are made."""
    patience: float = 1.0
    """How many times longer than on the machine of the promises everything may take."""
    begun: float = field(default_factory=time.time)
    """Unix second."""
    uploads: list[UploadFact] = field(default_factory=list)
    pictures: list[PictureFact] = field(default_factory=list)
    moments: list[MomentFact] = field(default_factory=list)
    load: LoadFact | None = None
    machine: str = field(default_factory=_machine)
    store: str = "none was started"
    """Which store it is, for people."""
    events: bool = False
    """Whether the sidecar hears of uploads at once."""

    def note(self, what: str) -> None:
        """Something is being done from outside now."""
        self.moments.append(MomentFact(at=round(time.time() - self.begun, 3), what=what))

    def car_models(self, *arguments: str | Path, within: float) -> None:
        """Run a `car-models` command; raises RejectedError when it fails, RetryableError when it is late."""
        log = self.stack.folder.log("car-models")
        command = Command(name="car-models", argv=[program("car-models"), *arguments], log=log)
        self.stack.processes.run(command, within=within)

    def report(self, steps: list[StepFact]) -> DemoReport:
        """Everything found, as facts."""
        return DemoReport(
            started=datetime.fromtimestamp(self.begun, UTC),
            seconds=round(time.time() - self.begun, 3),
            store=self.store,
            machine=self.machine + in_words(self.patience),
            software={name: installed_version(distribution) for name, distribution in _SOFTWARE.items()},
            steps=tuple(steps),
            uploads=tuple(self.uploads),
            pictures=tuple(self.pictures),
            transitions=tuple(
                TransitionFact(**asdict(seen) | {"at": round(seen.at - self.begun, 3)})
                for seen in self.timeline.transitions()
            ),
            moments=tuple(self.moments),
            load=self.load,
        )
