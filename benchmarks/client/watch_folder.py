"""What `car-client watch` gets through on a folder, and the memory of `serve` beside a steady camera.

    python benchmarks/client/watch_folder.py models [--minutes 60] [--write docs/performance.md]

`models` holds what `car-models build` wrote. Starts ovms-lite and the client on this machine.
"""

import argparse
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psutil
import requests
from edge_stack.components import program

sys.path.append(str(Path(__file__).parents[2] / "scripts"))
from document_section import write_section

MODEL = "effnet_lite0_car_onnx"
PICTURES = Path(__file__).parents[2] / "helm-chart/edge-ai-car-classification/files/pictures"
_START_SECONDS = 60.0
_PER_SECOND = 4
"""New files a second; besides, one is renamed to latest.jpg and one sent to the page."""
_MOST_FILES = 200
"""In the folder: the camera deletes its oldest."""


def main() -> None:
    """Measure, print, and write when asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", type=Path)
    parser.add_argument("--minutes", type=float, default=60.0, help="how long the memory is watched")
    parser.add_argument("--pictures", type=int, default=400, help="in the folder that is watched once")
    parser.add_argument("--write", type=Path, help="document whose section is replaced")
    options = parser.parse_args()
    files = sorted(PICTURES.glob("*.jpg"))
    with tempfile.TemporaryDirectory() as folder, served_models({MODEL: options.models / MODEL}) as url:
        rate, processor = watch_rate(url, Path(folder, "once"), files, options.pictures)
        load = os.getloadavg()[1]
        memory = list(_memory_by_minute(url, Path(folder, "camera"), files, options.minutes))
    lines = [
        f"Measured on {datetime.now(UTC).date()}, {os.cpu_count()} cores, load over 5 minutes {load:.1f}.",
        "",
        "| what | figure |",
        "| --- | ---: |",
        f"| `watch --once` on {options.pictures} files of 400x300, {MODEL}: pictures/s | {rate:.1f} |",
        f"| the client's processor time for one picture, its start included | {processor * 1000:.1f} ms |",
        *(
            f"| memory of `serve` after {minute} min, {count:,} answers | {mib:.1f} MiB |"
            for minute, count, mib in memory
        ),
    ]
    print("\n".join(lines))
    if options.write is not None:
        write_section(options.write, "watch", "\n".join(lines))


def watch_rate(url: str, folder: Path, files: Sequence[Path], count: int) -> tuple[float, float]:
    """Pictures a second from the first answer to the last, and processor seconds of the client for one."""
    folder.mkdir()
    for number, file in zip(range(count), itertools.cycle(files), strict=False):
        shutil.copyfile(file, folder / f"{number:06}.jpg")
    before = os.times()
    done = subprocess.run(
        [program("car-client"), "watch", folder, "--once", "--server-url", url, "--sidecar-url", "none"],
        env=environment_of(CAR_CLIENT_LOG_FORMAT="json"),
        capture_output=True,
        text=True,
        check=True,
    )
    after = os.times()
    events = [json.loads(line) for line in done.stderr.splitlines()]
    times = [datetime.fromisoformat(event["ts"]) for event in events if event["event"] == "inference"]
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return (len(times) - 1) / (times[-1] - times[0]).total_seconds(), used / len(times)


def _memory_by_minute(
    url: str, folder: Path, files: Sequence[Path], minutes: float
) -> Iterator[tuple[int, int, float]]:
    """Minute, answers until then and resident MiB of `serve`: after 1, 2, 4, … minutes and at the end."""
    folder.mkdir()
    port = free_port()
    page = f"http://127.0.0.1:{port}"
    environment = environment_of(
        CAR_CLIENT_SERVER_URL=url,
        CAR_CLIENT_SIDECAR_URL="none",
        CAR_CLIENT_SOURCE=str(folder),
        CAR_CLIENT_HTTP_HOST="127.0.0.1",
        CAR_CLIENT_HTTP_PORT=str(port),
    )
    with process([program("car-client"), "serve"], environment) as client, requests.Session() as session:
        wait_for(f"{page}/readyz")
        told = psutil.Process(client.pid)
        start, next_told = time.monotonic(), 1
        for number, file in enumerate(itertools.cycle(files)):
            put(file, folder / f"{number:09}.jpg")
            (folder / f"{number - _MOST_FILES:09}.jpg").unlink(missing_ok=True)
            if number % _PER_SECOND == 0:
                put(file, folder / "latest.jpg")
                _send(session, page, file)
            passed = time.monotonic() - start
            ended = passed >= minutes * 60
            if passed >= next_told * 60 or ended:
                yield round(passed / 60), answers(session, page), told.memory_info().rss / 2**20
                next_told *= 2
            if ended:
                return
            time.sleep(max(start + (number + 1) / _PER_SECOND - time.monotonic(), 0))


def _send(session: requests.Session, page: str, file: Path) -> None:
    answer = session.post(
        f"{page}/api/classify", data=file.read_bytes(), headers={"Content-Type": "image/jpeg"}, timeout=60
    )
    answer.raise_for_status()


def answers(session: requests.Session, page: str) -> int:
    """How many inferences the client has counted."""
    metrics = session.get(f"{page}/metrics", timeout=30).text.splitlines()
    counts = [
        line
        for line in metrics
        if line.startswith("inference_client_requests_total") and 'result="success"' in line
    ]
    return int(sum(float(line.rsplit(" ", 1)[1]) for line in counts))


def put(file: Path, target: Path) -> None:
    """As a careful camera does it: written aside, then renamed."""
    aside = target.with_name(f".{target.name}")
    shutil.copyfile(file, aside)
    aside.replace(target)


@contextmanager
def served_models(folders: Mapping[str, Path]) -> Iterator[str]:
    """The address of an ovms-lite that serves the model folders by name; ended afterwards."""
    port = free_port()
    entries = [{"config": {"name": name, "base_path": str(path.resolve())}} for name, path in folders.items()]
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "config.json")
        config.write_text(json.dumps({"model_config_list": entries}))
        command = [program("ovms-lite"), "--config_path", str(config), "--rest_port", str(port)]
        with process([*command, "--rest_bind_address", "127.0.0.1"], environment_of()):
            for name in folders:
                wait_for(f"http://127.0.0.1:{port}/v2/models/{name}/ready")
            yield f"http://127.0.0.1:{port}"


@contextmanager
def process(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """The running program; it is told to end afterwards."""
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def wait_for(url: str) -> None:
    """Until it answers well; ends the benchmark when it does not."""
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        try:
            if requests.get(url, timeout=5).ok:
                return
        except requests.ConnectionError:
            pass  # it has not begun to listen
        time.sleep(0.1)
    raise SystemExit(f"{url} does not answer within {_START_SECONDS:g} s")


def environment_of(**settings: str) -> dict[str, str]:
    """This process's, with these settings of the client and no other."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("CAR_CLIENT_")}
    return {**ours, **settings}


def free_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


if __name__ == "__main__":
    main()
