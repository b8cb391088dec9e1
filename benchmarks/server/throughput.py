"""How much of the machine ovms-lite leaves to the model, measured in one run.

    python benchmarks/server/throughput.py models/effnet_lite0_car_onnx/1
    python benchmarks/server/throughput.py --smoke        (a minute less, on a stand-in model; for CI)

Compares images/s through the server (wrk, binary tensors) with OpenVINO's own queue in this process on the
same cores, and requests/s of a tiny model with an echo application on the same HTTP server.
"""

import json
import os
import tempfile
from pathlib import Path
from statistics import mean, median
from typing import Annotated

import typer
from load import Load, binary_body, put_load
from models import find_model, input_facts, write_stand_in, write_tiny
from raw_limit import raw_rate
from rich.console import Console
from rich.table import Table
from servers import echo, ovms_lite

CONCURRENCY = (1, 4, 16)
_SMOKE_SECONDS = 1.0


def measure(model: Path | None, seconds: float, rounds: int) -> dict[str, object]:
    """All figures of one run, medians of `rounds`; rates are per second, latencies in milliseconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if model is None:
            model = folder / "stand_in" / "1"
            write_stand_in(model)
        write_tiny(folder / "tiny" / "1")
        file = find_model(model)
        facts = input_facts(file)
        (folder / "image").mkdir()
        (folder / "image" / "1").symlink_to(model.absolute())
        body = binary_body(facts.name, facts.shape, facts.datatype, facts.dtype)
        tiny = input_facts(folder / "tiny" / "1" / "model.onnx")
        tiny_body = binary_body(tiny.name, tiny.shape, tiny.datatype, tiny.dtype)
        image_rounds: list[dict[int, dict[str, float]]] = []
        raw_rates = [raw_rate(file, facts, seconds)]
        with ovms_lite({"image": folder / "image", "tiny": folder / "tiny"}, folder) as address:
            for _ in range(rounds):
                loads = {
                    c: put_load(f"{address}/v2/models/image/infer", body, connections=c, seconds=seconds)
                    for c in CONCURRENCY
                }
                raw_rates.append(raw_rate(file, facts, seconds))
                limit = mean(raw_rates[-2:])  # just before and just after, so that a busy machine hits both
                image_rounds.append({c: _row(load, limit) for c, load in loads.items()})
            tiny_load = {
                c: put_load(f"{address}/v2/models/tiny/infer", tiny_body, connections=c, seconds=seconds)
                for c in CONCURRENCY
            }
        with echo() as address:
            echo_load = {c: put_load(address, tiny_body, connections=c, seconds=seconds) for c in CONCURRENCY}
    return {
        "model": str(model.name if model.name != "1" else model.parent.name),
        "cores": len(os.sched_getaffinity(0)),
        "raw_images_per_s": median(raw_rates),
        "image": {c: _median_row([one[c] for one in image_rounds]) for c in CONCURRENCY},
        "tiny": {c: _row(load, echo_load[c].rate) for c, load in tiny_load.items()},
        "echo": {c: _row(load, load.rate) for c, load in echo_load.items()},
    }


def _median_row(rows: list[dict[str, float]]) -> dict[str, float]:
    return {key: median(row[key] for row in rows) for key in rows[0]} | {
        "failed": sum(row["failed"] for row in rows)
    }


def _row(load: Load, limit: float) -> dict[str, float]:
    return {
        "per_s": load.rate,
        "ratio": load.rate / limit,
        "p50_ms": load.p50_ms,
        "p99_ms": load.p99_ms,
        "failed": load.failed,
    }


def show(figures: dict[str, object]) -> None:
    """One table on the terminal."""
    table = Table(title=f"{figures['model']} on {figures['cores']} cores")
    for column in ("what", "connections", "per s", "ratio", "p50 ms", "p99 ms", "failed"):
        table.add_column(column, justify="right")
    table.add_row("AsyncInferQueue", "-", f"{figures['raw_images_per_s']:.1f}", "1.00", "", "", "")
    for what in ("image", "tiny", "echo"):
        rows = figures[what]
        assert isinstance(rows, dict)  # noqa: S101 - built above
        for connections, row in rows.items():
            cells = (
                f"{row['per_s']:.1f}",
                f"{row['ratio']:.2f}",
                f"{row['p50_ms']:.2f}",
                f"{row['p99_ms']:.2f}",
            )
            table.add_row(what, str(connections), *cells, str(row["failed"]))
    Console().print(table)


def main(
    model: Annotated[Path | None, typer.Argument(help="Version folder with the model.")] = None,
    *,
    seconds: Annotated[float, typer.Option(help="Length of each measurement.")] = 4.0,
    rounds: Annotated[int, typer.Option(help="How often the images are measured.")] = 3,
    smoke: Annotated[bool, typer.Option("--smoke", help="Only show that everything runs.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Measure ovms-lite against the machine's limit; exit 1 when a request failed."""
    figures = measure(model, _SMOKE_SECONDS, 1) if smoke else measure(model, seconds, rounds)
    if as_json:
        print(json.dumps(figures))
    else:
        show(figures)
    failed = [row["failed"] for rows in figures.values() if isinstance(rows, dict) for row in rows.values()]
    if any(failed):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
