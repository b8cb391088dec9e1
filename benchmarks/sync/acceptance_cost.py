"""How long acceptance with 50 pictures takes beside a server that answers, and what its clients notice.

    PYTHONPATH=tests/support MINIO_BIN=.local/bin/minio .venv/bin/python benchmarks/sync/acceptance_cost.py

Store, sidecar and ovms-lite are real. One copy of the sample model is asked all the time, 20 times a second
at most; versions of another copy are uploaded with pictures, each compared with the one before. The clients'
latency in preflight is held against that of the ten seconds before, in every round.
"""

import argparse
import shutil
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from edge_stack.measuring.load import Answer, Load, LoadSummary, summarize
from edge_stack.stack import Stack, StackOptions
from edge_stack.store.store import StoreKind
from made_pictures import encoded
from quick_settings import QUICK

_PICTURES = 50
_BEFORE = 10.0
"""Seconds in which only the requests are served."""
_WITHIN = 300.0
_ENDED = frozenset({"publishing", "activating", "serving", "rejected"})


def _version(model: Path, folder: Path, number: int) -> Path:
    """A copy of `model` with pictures of 1280x960 pixels; what they show does not matter for the time."""
    shutil.copytree(model, folder, ignore=shutil.ignore_patterns("SHA256SUMS"))
    (folder / "acceptance").mkdir()
    labels, random = (folder / "labels.txt").read_text().splitlines(), np.random.default_rng(number)
    lines = ["file,label"]
    for picture in range(_PICTURES):
        pixels = random.integers(0, 255, (12, 16, 3), np.uint8).repeat(80, 0).repeat(80, 1)
        (folder / "acceptance" / f"{picture}.jpg").write_bytes(encoded(pixels, "JPEG", quality=90))
        lines.append(f'{picture}.jpg,"{labels[picture % len(labels)]}"')
    (folder / "acceptance" / "expected.csv").write_text("\n".join(lines))
    return folder


def _preflight(stack: Stack, number: int) -> tuple[float, float, dict[str, Any]]:
    """Unix seconds at which preflight of `number` began and ended, and the version's entry in the status."""
    began, until = 0.0, time.monotonic() + _WITHIN
    while time.monotonic() < until:
        versions = stack.status()["models"]["tried"]["versions"]
        entry = next((one for one in versions if one["source"] == str(number)), {"state": ""})
        if entry["state"] == "preflight" and not began:
            began = time.time()
        if entry["state"] in _ENDED:
            return began, time.time(), stack.wait_version("tried", number, "serving", within=_WITHIN)
        time.sleep(0.05)
    raise SystemExit(f"version {number} did not come out of preflight")


def _between(answers: list[Answer], begin: float, end: float) -> LoadSummary:
    return summarize([one for one in answers if begin <= one.at <= end])


def _rounds(stack: Stack, model: Path, root: Path, count: int) -> Iterator[tuple[float, float, float]]:
    """Seconds of preflight, and the clients' median and p99 in it as parts of those before."""
    for name in ("asked", "tried"):
        stack.push(model, model=name, version=1)
        stack.wait_version(name, 1, "serving", within=_WITHIN)
    with Load(stack.ports.server_url, "asked", threads=1, pause=0.05) as load:
        for number in range(2, 2 + count):
            version = _version(model, root / f"version-{number}", number)
            calm = time.time()
            time.sleep(_BEFORE)
            stack.push(version, model="tried", version=number)
            began, ended, entry = _preflight(stack, number)
            before = _between(load.answers(), calm, calm + _BEFORE)
            meanwhile = _between(load.answers(), began, ended)
            told = [
                f"{what}: p50 {one.p50 * 1000:.1f} ms, p99 {one.p99 * 1000:.1f} ms"
                for what, one in (("before", before), ("meanwhile", meanwhile))
            ]
            slowdown = entry["acceptance"]["slowdown"]
            print(f"{ended - began:5.1f} s; {'; '.join(told)}; the same model: {slowdown}", flush=True)
            yield ended - began, meanwhile.p50 / before.p50, meanwhile.p99 / before.p99
        failures = summarize(load.answers()).failures
    print(f"failed requests: {failures}")


def main() -> None:
    """Print each round, and the medians of all."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("model", type=Path, nargs="?", default=Path("models/effnet_lite0_car_onnx/1"))
    arguments.add_argument("--rounds", type=int, default=5)
    asked = arguments.parse_args()
    with TemporaryDirectory(prefix="acceptance-cost-") as folder:
        options = StackOptions(root=Path(folder, "stack"), store=StoreKind.MINIO, sidecar_settings=QUICK)
        with Stack(options) as stack:
            stack.start_store()
            stack.start_sidecar()
            stack.start_server()
            rounds = list(_rounds(stack, asked.model, Path(folder), asked.rounds))
    seconds, median, p99 = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(f"medians: {seconds:.1f} s, p50 {median:.2f} times, p99 {p99:.2f} times that before")


if __name__ == "__main__":
    main()
