"""What happens beside requests: starting, holding many models, and taking up a new version."""

import json
import shutil
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from contestants import Contestant, Subject
from edge_common.openvino_runtime import ov
from models import find_model, write_tiny
from servers import ovms_lite, write_ovms_config

POLL_SECONDS = 1.0
"""ovms-lite's default; it looks ten times as often whether config.json was renamed."""
_SETTLE_SECONDS = 1.0
_ASK_SECONDS = 0.005
_SWAP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Holding:
    """A server with so many tiny models: seconds from its start until it is ready, and its memory."""

    server: str
    models: int
    ready_seconds: float
    resident_mib: float


@dataclass(frozen=True, slots=True)
class Swap:
    """From the rename of config.json to AVAILABLE; `load_seconds`: reading and compiling in this process."""

    subject: str
    median_seconds: float
    longest_seconds: float
    load_seconds: float


def hold_models(who: Sequence[Contestant], counts: Sequence[int], rounds: int) -> list[Holding]:
    """Start each server with each number of tiny models."""
    found = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_tiny(folder / "tiny")
        for count in counts:
            models = {f"tiny{n}": folder / "tiny" for n in range(count)}
            for one in who:
                ready, resident = [], []
                for _ in range(rounds):
                    with one.start(models, folder / "run") as running:
                        time.sleep(_SETTLE_SECONDS)
                        ready.append(running.ready_seconds)
                        resident.append(running.resident_mib())
                    shutil.rmtree(folder / "run")
                found.append(Holding(one.name, count, median(ready), median(resident)))
    return found


def measure_swaps(subject: Subject, swaps: int) -> Swap:
    """Go from one version of the model to the next by config.json alone, `swaps` times."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model, config = folder / "model", folder / "config.json"
        model.mkdir()
        for version in (1, 2):
            (model / str(version)).symlink_to(subject.folder.absolute())
        _name_versions(config, model, [1])
        seconds = []
        with ovms_lite(config) as running:
            for swap in range(swaps):
                old, new = (1, 2) if swap % 2 == 0 else (2, 1)
                began = time.monotonic()
                _name_versions(config, model, [old, new])
                seconds.append(_until(running.address, new, "AVAILABLE") - began)
                _name_versions(config, model, [new])
                _until(running.address, old, "END")
                # looks of a fixed rhythm must not always fall at the same time after the rename
                time.sleep(POLL_SECONDS / 10 * swap / swaps)
    return Swap(subject.name, median(seconds), max(seconds), _load_seconds(subject))


def _name_versions(config: Path, model: Path, versions: list[int]) -> None:
    policy = {"model_version_policy": {"specific": {"versions": versions}}}
    write_ovms_config(config, {"model": model}, policy)


def _until(address: str, version: int, state: str) -> float:
    """The time on the monotonic clock when /v1/config first shows this state."""
    deadline = time.monotonic() + _SWAP_SECONDS
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"{address}/v1/config", timeout=10) as answer:  # noqa: S310 - an address of ours
            document = json.load(answer)
        states = {int(v["version"]): v["state"] for v in document["model"]["model_version_status"]}
        if states.get(version) == state:
            return time.monotonic()
        time.sleep(_ASK_SECONDS)
    raise SystemExit(f"version {version} was not {state} within {_SWAP_SECONDS:.0f} s")


def _load_seconds(subject: Subject) -> float:
    times = []
    for _ in range(3):
        began = time.monotonic()
        core = ov.Core()
        core.compile_model(core.read_model(str(find_model(subject.folder))), "CPU",
                           {"PERFORMANCE_HINT": "LATENCY"})  # fmt: skip
        times.append(time.monotonic() - began)
    return median(times)
