"""Does ovms-lite grow over thousands of swaps? Each adds a version of a tiny model and removes the last one.

python benchmarks/server/swap_memory.py [--swaps 10000]

Prints memory, threads and open files after every tenth of the swaps. Exits with 1 when threads or files grew,
or when memory grew by more than 1 KiB a swap after the first tenth, because a retired version stays listed
until a restart, plus 8 MiB for the allocator.
"""

import argparse
import shutil
import tempfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from models import write_tiny
from servers import ovms_lite, write_ovms_config

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
    config = folder / "config.json"
    write_ovms_config(config, {"tiny": model})
    seen: list[Usage] = []
    with ovms_lite(config, "--file_system_poll_wait_seconds", "0") as running:
        for swap in range(1, swaps + 1):
            shutil.copytree(folder / "template", folder / "aside")
            (folder / "aside").rename(model / str(swap + 1))
            shutil.rmtree(model / str(swap))
            reload(running.address)
            if swap % (swaps // 10) == 0:
                seen.append(usage(running.process.pid))
                last = seen[-1]
                print(
                    f"{swap} swaps: {last.kib / 1024:.1f} MiB, {last.threads} threads, {last.files} files",
                    flush=True,
                )
    return seen


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
