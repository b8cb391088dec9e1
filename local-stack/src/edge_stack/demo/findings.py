"""What the steps of one demonstration share: the running stack, the watchers, and what was found so far."""

import os
import platform
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path

import psutil

from edge_stack.components import program
from edge_stack.demo.machine_speed import in_words
from edge_stack.measuring.served_timeline import ServedTimeline, Transition
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
from edge_stack.stack import Stack

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
            transitions=tuple(map(self._transition_fact, self.timeline.transitions())),
            moments=tuple(self.moments),
            load=self.load,
        )

    def _transition_fact(self, seen: Transition) -> TransitionFact:
        at = round(seen.at - self.begun, 3)
        return TransitionFact(at=at, model=seen.model, version=seen.version, state=seen.state)
