"""model-sync against rclone, mc mirror and aws s3 sync, on one MinIO, in one run.

    MINIO_BIN=... python benchmarks/sync/mirroring.py            (half an hour; needs Go for the peers)
    MINIO_BIN=... python benchmarks/sync/mirroring.py --write docs/performance.md
    MINIO_BIN=... python benchmarks/sync/mirroring.py --smoke    (small data, only peers already installed)

Peers are installed under .local/bench. Compare the ratios within one run; seconds depend on the machine.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from cases import Bench, Row
from peers import installed_peers, peer_environment
from report import show, write_rows
from store import running_store

_TOOLS = Path(__file__).parents[2] / ".local" / "bench"
_KIB, _MIB = 1024, 1024 * 1024
_MODEL = "model.onnx"
_NOTHING = "mirror of an empty bucket (a tool's start)"


def _folders(models: int, files: int) -> list[str]:
    names = [_MODEL, *(f"part-{n:03d}.data" for n in range(1, files))]
    return [f"model-{model:04d}/1/{name}" for model in range(models) for name in names]


def full(bench: Bench, largest_poll: int) -> Iterator[Row]:
    """Every case at its real size."""
    yield from bench.mirror(_NOTHING, "empty", [], 1)
    yield from bench.mirror("first mirror, 1 GiB in one file", "large", [f"large/1/{_MODEL}"], 1024 * _MIB)
    yield from bench.mirror("first mirror, 200 models x 5 x 64 KiB", "models", _folders(200, 5), 64 * _KIB)
    for objects in (1_000, 10_000, 100_000):
        if objects <= largest_poll:
            yield from bench.poll(objects)
    yield from bench.latency(events=True, poll_seconds=30)
    yield from bench.latency(events=False, poll_seconds=5)
    yield from bench.idle(200, 60, server=True)
    yield from bench.idle(200, 60, server=False)
    yield from bench.mirror("first mirror, 10,000 x 100 KiB", "many", _folders(100, 100), 100 * _KIB)


def smoke(bench: Bench) -> Iterator[Row]:
    """Every case, as small as it can be."""
    yield from bench.mirror(_NOTHING, "empty", [], 1)
    yield from bench.mirror("first mirror, 40 MiB in one file", "large", [f"large/1/{_MODEL}"], 40 * _MIB)
    yield from bench.mirror("first mirror, 5 models x 5 x 4 KiB", "models", _folders(5, 5), 4 * _KIB)
    yield from bench.poll(100)
    yield from bench.latency(events=True, poll_seconds=30)
    yield from bench.idle(5, 0.5, server=True)
    yield from bench.idle(5, 0.5, server=False)


def main(
    *,
    small: Annotated[bool, typer.Option("--smoke", help="Only show that everything runs.")] = False,
    rounds: Annotated[int, typer.Option(help="How often each case is measured.")] = 3,
    largest_poll: Annotated[int, typer.Option(help="Leave larger polls out.")] = 100_000,
    write: Annotated[Path | None, typer.Option(help="Document whose section to replace.")] = None,
) -> None:
    """Measure; exit 1 when a tool fails."""
    binary = os.environ.get("MINIO_BIN")
    if not binary:
        raise SystemExit("set MINIO_BIN to a MinIO binary (make minio builds one)")
    tools = _TOOLS.resolve()
    tools.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=tools, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with running_store(Path(binary), folder / "store") as store:
            peers = installed_peers(tools, install=not small)
            environment = peer_environment(store.authority, folder / "home")
            bench = Bench(store, peers, environment, folder, 1 if small else rounds)
            rows: list[Row] = []
            for row in smoke(bench) if small else full(bench, largest_poll):
                print(f"{row.case}: {row.who} {row.seconds:.3f} s", flush=True)
                rows.append(row)
                if write is not None:  # at once: what was measured stays when a later case fails
                    write_rows(write, rows, bench.rounds)
    show(rows)


if __name__ == "__main__":
    typer.run(main)
