"""Whether a lane of ovms-lite pays: the server with it and without it, asked in turn.

    python benchmarks/server/lanes.py large-json models/effnet_lite0_car_onnx/1
    python benchmarks/server/lanes.py ../before/server-container/src models/effnet_lite0_car_onnx/1

A lane is a second way to do what another part of the server does as well. It stays while it makes a sample
model, or another real classifier, 1.2 times faster over 1, 4 or 16 connections. What went, and with which
figures: docs/decisions/0016-lanes-of-ovms-lite.md. A folder in the place of a lane's name is the source of
another checkout, to compare with. Where the machine has other work, the processor time for a request says
more than the rate.
"""

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, Self

import typer
from bodies import Body
from contestants import Contestant, Subject, contestants, subject
from load import CONNECTIONS, put_load
from models import write_tiny
from rich.console import Console
from rich.table import Table
from servers import Running, ovms_lite_serving

LANES: Mapping[str, tuple[str, Sequence[str]]] = {
    "large-json": (
        "from ovms_lite.wire import kserve_request; kserve_request.parse_numbers = lambda body: None",
        ("JSON",),
    ),
}
"""The statement that leaves each lane out of a server, and the bodies that would take it."""
_START = "from ovms_lite.cli import main; main()"


@dataclass(frozen=True, slots=True)
class _Measured:
    rate: float
    processor_ms: float


def _measure(running: Running, url: str, body: Body, connections: int, seconds: float) -> _Measured:
    before = running.process.cpu_times()
    load = put_load(url, body, connections=connections, seconds=seconds)
    after = running.process.cpu_times()
    if load.failed or not load.rate:
        raise SystemExit(f"{load.failed} requests to {url} failed, {load.rate:.0f} a second were answered")
    used = after.user + after.system - before.user - before.system
    return _Measured(load.rate, used / (load.rate * seconds) * 1e3)


def _other_command(lane: str) -> tuple[list[str], Sequence[str]]:
    """How to start the server to compare with, and which bodies to send (none named: all)."""
    if lane in LANES:
        statement, wires = LANES[lane]
        return [sys.executable, "-c", f"{statement}; {_START}"], wires
    if Path(lane, "ovms_lite").is_dir():
        return ["env", f"PYTHONPATH={Path(lane).absolute()}", sys.executable, "-c", _START], ()
    raise SystemExit(f"{lane} is neither a lane ({', '.join(LANES)}) nor a folder with ovms_lite")


def _subjects(models: Sequence[Path], folder: Path) -> list[Subject]:
    if models:
        return [subject(model.absolute().parent.name, model, takes_pictures=True) for model in models]
    write_tiny(folder / "tiny" / "1")
    return [subject("tiny", folder / "tiny" / "1", takes_pictures=False)]


@dataclass(frozen=True, slots=True)
class _Question:
    """One body for one model, asked of the server as it is and of the other one."""

    subject: Subject
    wire: str
    body: Body
    urls: tuple[str, str]

    @classmethod
    def of(cls, who: Contestant, one: Subject, wire: str, servers: tuple[Running, Running]) -> Self:
        """`who` tells how ovms-lite is asked."""
        model = who.model_name(one, wire)
        mine, other = (server.infer_url(model) for server in servers)
        return cls(one, wire, who.bodies(one)[wire][0], (mine, other))


def _compare(
    question: _Question, servers: tuple[Running, Running], pairs: int, seconds: float
) -> Iterator[tuple[str, ...]]:
    """A row for each number of connections; the first pair only warms the servers up."""
    for connections in CONNECTIONS:
        found: list[tuple[_Measured, _Measured]] = []
        for pair in range(pairs + 1):
            measured = {
                which: _measure(servers[which], question.urls[which], question.body, connections, seconds)
                for which in ((0, 1) if pair % 2 else (1, 0))
            }
            found.append((measured[0], measured[1]))
        mine, other = zip(*found[1:], strict=True)
        yield (
            question.subject.name,
            question.wire,
            str(connections),
            *(f"{median(one.rate for one in each):,.1f}" for each in (mine, other)),
            f"{median(a.rate / b.rate for a, b in found[1:]):.2f}",
            *(f"{median(one.processor_ms for one in each):.2f}" for each in (mine, other)),
            f"{median(b.processor_ms / a.processor_ms for a, b in found[1:]):.2f}",
        )


def main(
    lane: Annotated[str, typer.Argument(help="A lane to leave out, or the source of another checkout.")],
    models: Annotated[
        list[Path] | None, typer.Argument(help="Version folders; none: the tiny model.")
    ] = None,
    *,
    pairs: Annotated[int, typer.Option(help="How often both servers are asked.")] = 5,
    seconds: Annotated[float, typer.Option(help="Length of each load.")] = 2.0,
) -> None:
    """Print rates and processor times with the lane and without it; a ratio above 1 speaks for the lane."""
    command, wires = _other_command(lane)
    table = Table()
    for column in ("model", "body", "connections", "rate", "without", "times", "ms", "without", "times"):
        table.add_column(column)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        subjects = _subjects(models or [], folder)
        who = contestants([], subjects)[0]
        pictures = [one.name for one in subjects if who.model_name(one, "JPEG") != one.name]
        versions = {one.name: one.folder for one in subjects}
        servers = (
            stack.enter_context(ovms_lite_serving(versions, folder / "with", pictures=pictures)),
            stack.enter_context(
                ovms_lite_serving(versions, folder / "without", pictures=pictures, command=command)
            ),
        )
        for one in subjects:
            for wire in who.bodies(one):
                if not wires or wire in wires:
                    for row in _compare(_Question.of(who, one, wire, servers), servers, pairs, seconds):
                        table.add_row(*row)
    Console(width=120).print(table)


if __name__ == "__main__":
    typer.run(main)
