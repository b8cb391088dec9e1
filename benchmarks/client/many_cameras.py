"""Whether `car-client serve` stays flat with ten cameras: memory, processor time, size of the history.

    python benchmarks/client/many_cameras.py models [--minutes 60] [--write docs/performance.md]

`models` holds what `car-models build` wrote. Each camera writes its pictures into a folder of its own,
`--rate` a second, and deletes its oldest. The history is bounded to 16 MiB, so that it is full soon.
"""

import argparse
import itertools
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import psutil
import requests
from edge_stack.components import program

sys.path.append(str(Path(__file__).parents[2] / "scripts"))
from document_section import write_section

sys.path.append(str(Path(__file__).parent))
from watch_folder import (
    MODEL,
    PICTURES,
    answers,
    environment_of,
    free_port,
    process,
    put,
    served_models,
    wait_for,
)

_ROWS, _KEPT = 6, 50


def main() -> None:
    """Measure, print, and write when asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", type=Path)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--cameras", type=int, default=10)
    parser.add_argument("--rate", type=float, default=5.0, help="pictures a second, of each camera")
    parser.add_argument("--write", type=Path, help="document whose section is replaced")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, served_models({MODEL: options.models / MODEL}) as url:
        cameras = [Path(folder, f"camera{number}") for number in range(options.cameras)]
        for camera in cameras:
            camera.mkdir()
        rows = list(_measured(url, Path(folder), cameras, options.rate, options.minutes * 60))
    lines = [
        f"Measured on {datetime.now(UTC).date()}, {os.cpu_count()} cores for cameras, client and server.",
        f"{options.cameras} cameras, {options.rate:g} pictures/s each; load {os.getloadavg()[1]:.1f}.",
        "",
        "| after | answers | answers/s since | client resident, MiB | of a core since | history, MiB |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
        *rows,
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    if options.write is not None:
        write_section(options.write, "cameras", "\n".join(lines))


def _measured(url: str, folder: Path, cameras: Sequence[Path], rate: float, seconds: float) -> Iterator[str]:
    port, history, stopped = free_port(), folder / "history.sqlite", threading.Event()
    page = f"http://127.0.0.1:{port}"
    environment = environment_of(
        CAR_CLIENT_SERVER_URL=url,
        CAR_CLIENT_SIDECAR_URL="none",
        CAR_CLIENT_SOURCE=json.dumps([str(camera) for camera in cameras]),
        CAR_CLIENT_HISTORY=str(history),
        CAR_CLIENT_HISTORY_MAX_BYTES=str(16 * 2**20),
        CAR_CLIENT_HTTP_HOST="127.0.0.1",
        CAR_CLIENT_HTTP_PORT=str(port),
    )
    with process([program("car-client"), "serve"], environment) as client, requests.Session() as session:
        wait_for(f"{page}/readyz")
        told, begin = psutil.Process(client.pid), time.monotonic()
        playing = [threading.Thread(target=_play, args=(camera, rate, stopped)) for camera in cameras]
        for one in playing:
            one.start()
        before, used, at = 0, _processor(told), begin
        for row in range(1, _ROWS + 1):
            time.sleep(max(begin + seconds * row / _ROWS - time.monotonic(), 0))
            now, count, processor = time.monotonic(), answers(session, page), _processor(told)
            size = sum(file.stat().st_size for file in folder.glob("history.sqlite*")) / 2**20
            resident, core = told.memory_info().rss / 2**20, (processor - used) / (now - at)
            yield (
                f"| {(now - begin) / 60:.1f} min | {count:,} | {(count - before) / (now - at):.1f} "
                f"| {resident:.1f} | {core:.2f} | {size:.1f} |"
            )
            before, used, at = count, processor, now
        stopped.set()
        for one in playing:
            one.join()


def _play(folder: Path, rate: float, stopped: threading.Event) -> None:
    begin = time.monotonic()
    for number, file in enumerate(itertools.cycle(sorted(PICTURES.glob("*.jpg")))):
        put(file, folder / f"{number:09}.jpg")
        (folder / f"{number - _KEPT:09}.jpg").unlink(missing_ok=True)
        if stopped.wait(max(begin + (number + 1) / rate - time.monotonic(), 0)):
            return


def _processor(told: psutil.Process) -> float:
    times = told.cpu_times()
    return times.user + times.system


if __name__ == "__main__":
    main()
