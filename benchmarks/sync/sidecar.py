"""model-sync as the benchmark runs it: once for a mirror, for a while for everything else."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from measured import Figures, TreeMemory, run_measured
from store import ACCESS_KEY, SECRET_KEY, free_port

_SERVER_AWAY = 75
"""Exit code of `once` when everything is mirrored and no model server answers."""
_NO_SERVER = "http://127.0.0.1:9"
_START_SECONDS = 60
_ALL_SERVED_SECONDS = 300


def sidecar_environment(authority: str, bucket: str, volume: Path, **settings: str) -> dict[str, str]:
    """Settings of a sidecar without a model server, which takes uploads as they are."""
    chosen = {
        "S3_ENDPOINT": f"http://{authority}",
        "S3_REGION": "us-east-1",
        "S3_ACCESS_KEY": ACCESS_KEY,
        "S3_SECRET_KEY": SECRET_KEY,
        "BUCKET": bucket,
        "MODELS_DIR": str(volume),
        "OVMS_URL": _NO_SERVER,
        "SETTLE": "0",
        "PREFLIGHT": "off",
        "STATUS_TO_BUCKET": "off",
        "LOG_LEVEL": "ERROR",
    } | settings
    environment = {**os.environ, **{f"MODEL_SYNC_{name}": value for name, value in chosen.items()}}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # images are compiled: no start of theirs compiles
    return environment


def mirror_once(environment: Mapping[str, str], *, fsync: bool) -> Figures:
    """`model-sync once`, from its start to its end."""
    without = str(Path(__file__).with_name("once_without_fsync.py"))
    plain = [str(Path(sys.executable).with_name("model-sync")), "once", "--timeout", "1800"]
    command = plain if fsync else [sys.executable, without]
    return run_measured(command, environment, accepted=frozenset({0, _SERVER_AWAY}))


@dataclass(frozen=True)
class Running:
    """A sidecar that runs."""

    address: str
    memory: TreeMemory
    process: psutil.Process

    def poll(self) -> float:
        """Ask for a listing now; seconds that this listing took by the sidecar's own metric."""
        count, before = self._listings()
        request = urllib.request.Request(f"{self.address}/v1/sync", method="POST")  # noqa: S310 - ours
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 - an address of ours
        while True:
            now, total = self._listings()
            if now > count:
                return (total - before) / (now - count)
            time.sleep(0.05)

    def wait_until_serving(self, models: int) -> None:
        """Until the server has so many models AVAILABLE."""
        deadline = time.monotonic() + _ALL_SERVED_SECONDS
        while time.monotonic() < deadline:
            with urllib.request.urlopen(f"{self.address}/v1/status", timeout=10) as answer:  # noqa: S310 - ours
                document = json.load(answer)
            states = [v["state"] for model in document["models"].values() for v in model["versions"]]
            if states.count("serving") == models:
                return
            time.sleep(0.2)
        raise SystemExit(f"the server did not serve {models} models within {_ALL_SERVED_SECONDS} s")

    def cpu_seconds(self) -> float:
        """Processor time of the sidecar since its start."""
        times = self.process.cpu_times()
        return times.user + times.system

    def _listings(self) -> tuple[int, float]:
        with urllib.request.urlopen(f"{self.address}/metrics", timeout=10) as answer:  # noqa: S310 - ours
            text = answer.read().decode()
        name = "model_sync_cycle_duration_seconds"
        values = dict(re.findall(rf"^{name}_(count|sum) (\S+)$", text, re.MULTILINE))
        return int(float(values["count"])), float(values["sum"])


@contextmanager
def running_server(volume: Path, port: int) -> Iterator[None]:
    """ovms-lite on `volume`, from its start on."""
    command = [str(Path(sys.executable).with_name("ovms-lite")), "--config_path", f"{volume}/config.json"]
    process = subprocess.Popen([*command, "--rest_port", str(port), "--log_level", "ERROR"])
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextmanager
def running_sidecar(environment: Mapping[str, str]) -> Iterator[Running]:
    """`model-sync run`, ready after its first listing; on the port in the environment, or a free one."""
    port = environment.get("MODEL_SYNC_HTTP_PORT") or free_port()
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("model-sync")), "run"],
        env={**environment, "MODEL_SYNC_HTTP_PORT": str(port)},
    )
    address = f"http://127.0.0.1:{port}"
    try:
        with TreeMemory(process.pid) as memory:
            running = Running(address, memory, psutil.Process(process.pid))
            _wait_until_listed(running)
            yield running
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_until_listed(running: Running) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{running.address}/startupz", timeout=5).close()  # noqa: S310 - ours
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"model-sync did not list the bucket within {_START_SECONDS} s")
