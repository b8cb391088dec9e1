"""Does ovms-lite grow over thousands of swaps? Each adds a version of a tiny model and removes the last one.

python benchmarks/server/swap_memory.py [--swaps 10000]

Prints memory, threads and open files after every tenth of the swaps. Exits with 1 when threads or files grew,
or when memory grew by more than 1 KiB a swap after the first tenth, because a retired version stays listed
until a restart, plus 8 MiB for the allocator.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from models import write_tiny
from servers import free_port

_KIB_PER_SWAP = 1
_ALLOCATOR_KIB = 8 * 1024
_CLOSING_FILES = 2
"""Connections that the server has not seen closed yet."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process holds."""

    kib: int
    threads: int
    files: int


def usage(pid: int) -> Usage:
    """Resident memory, threads and open files of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    status = dict(line.split(":", 1) for line in lines)
    files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return Usage(int(status["VmRSS"].split()[0]), int(status["Threads"]), files)


def reload(address: str) -> None:
    """Let the server act on the folders; it answers when it has."""
    request = urllib.request.Request(f"{address}/v1/config/reload", data=b"", method="POST")  # noqa: S310 - an address of ours
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - as above
        answer.read()


def measure(swaps: int, folder: Path) -> list[Usage]:
    """Usage after each tenth of the swaps."""
    model = folder / "models" / "tiny"
    write_tiny(folder / "template")
    shutil.copytree(folder / "template", model / "1")
    entry = {"name": "tiny", "base_path": str(model)}
    config = folder / "config.json"
    config.write_text(json.dumps({"model_config_list": [{"config": entry}]}))
    port = free_port()
    command = [str(Path(sys.executable).with_name("ovms-lite")), "--config_path", str(config)]
    command += ["--rest_port", str(port), "--rest_bind_address", "127.0.0.1", "--log_level", "ERROR"]
    command += ["--file_system_poll_wait_seconds", "0"]
    process = subprocess.Popen(command)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(address)
        seen = []
        for swap in range(1, swaps + 1):
            shutil.copytree(folder / "template", folder / "aside")
            (folder / "aside").rename(model / str(swap + 1))
            shutil.rmtree(model / str(swap))
            reload(address)
            if swap % (swaps // 10) == 0:
                seen.append(usage(process.pid))
                last = seen[-1]
                print(
                    f"{swap} swaps: {last.kib / 1024:.1f} MiB, {last.threads} threads, {last.files} files",
                    flush=True,
                )
        return seen
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(address: str) -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"{address}/v2/health/ready", timeout=1):  # noqa: S310 - an address of ours
                return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"no answer from {address} within 30 s")


def main() -> None:
    """Run and judge."""
    parser = argparse.ArgumentParser(description="Memory of ovms-lite over many swaps.")
    parser.add_argument("--swaps", type=int, default=10_000)
    swaps = max(parser.parse_args().swaps, 10)
    with tempfile.TemporaryDirectory() as folder:
        seen = measure(swaps, Path(folder))
    first, last = seen[0], seen[-1]
    grown = last.kib - first.kib
    allowed = swaps * _KIB_PER_SWAP + _ALLOCATOR_KIB
    print(f"from the first tenth to the last: {grown} KiB, allowed {allowed}")
    if grown > allowed or last.threads > first.threads or last.files > first.files + _CLOSING_FILES:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
