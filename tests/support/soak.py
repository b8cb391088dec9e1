"""A long time of random uploads, removals, kills and outages against real processes.

    PYTHONPATH=tests/support python -m soak --minutes 30             # prints its seed; make soak
    PYTHONPATH=tests/support python -m soak --minutes 30 --seed 7    # the same decisions again

One model is never touched and asked all the time. What must never happen is checked meanwhile; at the end
everything heals, and the bucket's wishes have to be what is served.
"""

import argparse
import itertools
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from answers import config_faults, digest_of, put_version, wait_answer
from edge_stack.measuring.load import Load, LoadSummary, summarize
from edge_stack.processes.waiting import wait_until
from edge_stack.stack import Stack, StackOptions
from edge_stack.store.store import StoreKind
from faulty_store import FaultyStore
from store_faults import answer, cut, everything, hang_up, list_without, listings, objects
from tiny_models import write_model
from volume_watch import VolumeWatch
from warm_stack import warm_stack

SETTINGS = {
    "POLL_INTERVAL": "300ms",
    "SETTLE": "1s",
    "DELETE_GRACE": "1s",
    "HOLD": "20s",
    "PREFLIGHT": "off",
    "EVENTS": "off",
}
MODELS = ("a", "b", "c")
STEADY = "steady"
HEALS_WITHIN = 90.0
STORE_FAULTS = (
    (everything, answer(500, "InternalError")),
    (everything, answer(403, "AccessDenied")),
    (everything, hang_up),
    (listings, list_without("")),
    (listings, cut()),
    (objects(), cut()),
)


@dataclass
class Soak:
    """A platform, what its bucket asks for, and the dice."""

    stack: Stack
    store: FaultyStore
    folder: Path
    dice: random.Random
    digests: set[str] = field(default_factory=set)
    wishes: dict[str, dict[int, float]] = field(default_factory=lambda: {name: {} for name in MODELS})
    """Model -> version -> answer, as uploaded."""
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    done: Counter[str] = field(default_factory=Counter)

    def start(self) -> None:
        self.stack.start_sidecar(S3_ENDPOINT=self.store.endpoint)

    def upload(self, name: str, version: int) -> None:
        number = float(next(self.numbers))
        folder = write_model(self.folder / f"{number}", number)
        self.digests.add(digest_of(folder / "model.onnx"))
        put_version(self.stack.store.client(), folder, f"{name}/{version}")
        self.wishes.setdefault(name, {})[version] = number

    def step(self) -> None:
        """One random deed and a random pause."""
        deeds = (
            *((self.upload_new, 6), (self.overwrite, 3), (self.remove, 2)),
            *((self.kill_sidecar, 3), (self.freeze_sidecar, 1)),
            *((self.break_store, 2), (self.mend_store, 3)),
        )
        names, weights = zip(*deeds, strict=True)
        deed = self.dice.choices(names, weights)[0]
        deed()
        self.done[deed.__name__] += 1
        time.sleep(self.dice.uniform(0, 1.5))
        faults = config_faults(self.stack.folder.volume)
        if faults:
            raise AssertionError(f"after {deed.__name__}: {faults}")

    def upload_new(self) -> None:
        name = self.dice.choice(MODELS)
        self.upload(name, max(self.wishes[name], default=0) + 1)

    def overwrite(self) -> None:
        name = self.dice.choice(MODELS)
        if self.wishes[name]:
            self.upload(name, self.dice.choice(sorted(self.wishes[name])))

    def remove(self) -> None:
        name = self.dice.choice(MODELS)
        self.stack.store.remove_model(name)
        self.wishes[name] = {}

    def kill_sidecar(self) -> None:
        self.stack.component("sidecar").kill()
        self.start()

    def freeze_sidecar(self) -> None:
        process = self.stack.component("sidecar")
        process.send_signal(signal.SIGSTOP)
        time.sleep(self.dice.uniform(0, 1.0))
        process.send_signal(signal.SIGCONT)

    def break_store(self) -> None:
        self.store.fault = self.dice.choice(STORE_FAULTS)

    def mend_store(self) -> None:
        self.store.fault = None

    def heal(self) -> None:
        """End every fault and wait until the bucket's wishes are what is served."""
        self.store.fault = None
        for name, versions in self.wishes.items():
            if versions:
                wait_answer(self.stack, name, versions[max(versions)], within=HEALS_WITHIN)
            else:
                folder = self.stack.folder.volume / name
                wait_until(
                    f"{name} gone",
                    lambda folder=folder: f"{folder} exists" if folder.exists() else None,  # type: ignore[misc]  # mypy infers no type for a default
                    within=HEALS_WITHIN,
                )


@dataclass(frozen=True)
class SoakResult:
    """What a soak saw."""

    done: Counter[str]
    load: LoadSummary
    volume_faults: list[str]

    @property
    def held(self) -> bool:
        """Whether nothing forbidden was seen."""
        return self.load.failures == 0 and not self.volume_faults

    @property
    def summary(self) -> str:
        """All of it in one line."""
        deeds = ", ".join(f"{count} x {deed.replace('_', ' ')}" for deed, count in sorted(self.done.items()))
        faults = f"; {self.volume_faults[:3]}" if self.volume_faults else ""
        failed = f" ({self.load.first_error})" if self.load.failures else ""
        return f"{deeds}; {self.load.failures} of {self.load.requests} requests failed{failed}{faults}"


def soak(root: Path, *, seconds: float, seed: int) -> SoakResult:
    """Run for `seconds`, heal, and return what was seen; raises when a wish does not come true."""
    options = StackOptions(root=root / "stack", store=StoreKind.AUTO, sidecar_settings=SETTINGS)
    with warm_stack(options) as stack:
        stack.start_store()
        with FaultyStore(stack.store.endpoint) as store:
            life = Soak(stack, store, root / "models", random.Random(seed))
            life.start()
            stack.start_server()
            life.upload(STEADY, 1)
            wait_answer(stack, STEADY, life.wishes[STEADY][1], within=HEALS_WITHIN)
            watch = VolumeWatch(stack.folder.volume, dict.fromkeys([*MODELS, STEADY], life.digests))
            with watch, Load(stack.ports.server_url, STEADY, threads=1) as load:
                deadline = time.monotonic() + seconds
                while time.monotonic() < deadline:
                    life.step()
                life.heal()
            return SoakResult(life.done, summarize(load.answers()), watch.faults)


def main() -> None:
    """Soak for as long as the command line asks; exit code 1 when something did not hold."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30.0, help="how long (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32), help="repeat an earlier run")
    arguments = parser.parse_args()
    sys.stdout.write(f"seed {arguments.seed}\n")
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        result = soak(Path(folder), seconds=arguments.minutes * 60, seed=arguments.seed)
    sys.stdout.write(f"{result.summary}\n")
    sys.exit(0 if result.held else 1)


if __name__ == "__main__":
    main()
