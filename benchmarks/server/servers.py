"""The servers under test as child processes on free ports of the loopback interface."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_START_SECONDS = 120


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def ovms_lite(models: dict[str, Path], folder: Path) -> Iterator[str]:
    """ovms-lite serving models (name to model folder); gives its address."""
    config = folder / "config.json"
    entries = [{"config": {"name": name, "base_path": str(path)}} for name, path in models.items()]
    config.write_text(json.dumps({"model_config_list": entries}))
    command = Path(sys.executable).with_name("ovms-lite")
    port = free_port()
    arguments = ["--config_path", str(config), "--rest_bind_address", "127.0.0.1", "--log_level", "ERROR"]
    with _process([str(command), *arguments, "--rest_port", str(port)], port) as address:
        yield address


@contextmanager
def echo() -> Iterator[str]:
    """The echo application on ovms-lite's own HTTP server; gives its address."""
    port = free_port()
    with _process([sys.executable, str(Path(__file__).with_name("echo_app.py")), str(port)], port) as address:
        yield address


@contextmanager
def _process(command: list[str], port: int) -> Iterator[str]:
    process = subprocess.Popen(command)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(process, f"{address}/v2/health/ready")
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_until_ready(process: "subprocess.Popen[bytes]", url: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"a server ended with exit code {process.returncode} before it was ready")
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310 - an address of ours
                return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"no answer from {url} within {_START_SECONDS} s")
