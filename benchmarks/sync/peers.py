"""The other tools, each asked for what it does fastest when it compares sizes and times.

None of them checks SHA-256, flushes to the disk, or publishes a folder at once.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from store import ACCESS_KEY, SECRET_KEY

RCLONE = "github.com/rclone/rclone@v1.71.2"
MC = "github.com/minio/mc@v0.0.0-20251106162529-77f82e18b540"


@dataclass(frozen=True)
class Peer:
    """A tool that mirrors `{bucket}` into `{folder}`."""

    name: str
    command: tuple[str, ...]

    def mirror(self, bucket: str, folder: Path) -> list[str]:
        """The command line."""
        return [word.format(bucket=bucket, folder=folder) for word in self.command]


def installed_peers(tools: Path, *, install: bool) -> list[Peer]:
    """The peers under `tools`, installed there first if asked; without that, those that are there."""
    rclone, mc, aws = tools / "bin" / "rclone", tools / "bin" / "mc", tools / "aws" / "bin" / "aws"
    if install:
        _install(rclone, mc, aws)
    same = ("--use-server-modtime", "--update", "--fast-list", "--transfers", "8")
    peers = {
        rclone: Peer("rclone", (str(rclone), "sync", "bench:{bucket}", "{folder}", *same)),
        mc: Peer("mc mirror", (str(mc), "--quiet", "mirror", "--overwrite", "bench/{bucket}", "{folder}")),
        aws: Peer("aws s3 sync", (str(aws), "s3", "sync", "--only-show-errors", "s3://{bucket}", "{folder}")),
    }
    return [peer for path, peer in peers.items() if path.exists()]


def peer_environment(authority: str, home: Path) -> Mapping[str, str]:
    """How each peer finds the store; their own files go to `home`."""
    return {
        **os.environ,
        "HOME": str(home),
        "MC_HOST_bench": f"http://{ACCESS_KEY}:{SECRET_KEY}@{authority}",
        "RCLONE_CONFIG_BENCH_TYPE": "s3",
        "RCLONE_CONFIG_BENCH_PROVIDER": "Minio",
        "RCLONE_CONFIG_BENCH_ENDPOINT": f"http://{authority}",
        "RCLONE_CONFIG_BENCH_ACCESS_KEY_ID": ACCESS_KEY,
        "RCLONE_CONFIG_BENCH_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_ENDPOINT_URL": f"http://{authority}",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def _install(rclone: Path, mc: Path, aws: Path) -> None:
    go = shutil.which("go")
    for path, module in ((rclone, RCLONE), (mc, MC)):
        if path.exists():
            continue
        if go is None:
            raise SystemExit(f"Go is needed to build {module}; install it, or leave the peers out (--smoke)")
        subprocess.run([go, "install", module], env={**os.environ, "GOBIN": str(path.parent)}, check=True)
    if not aws.exists():
        venv = aws.parents[1]
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        subprocess.run([str(aws.with_name("pip")), "install", "--quiet", "awscli"], check=True)
