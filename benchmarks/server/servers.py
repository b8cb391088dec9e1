"""The servers under test as child processes on free ports of the loopback interface."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

HERE = Path(__file__).parent
_START_SECONDS = 120
_LOOK_SECONDS = 0.01
_MIB = 1024 * 1024
OVMS_LITE = str(Path(sys.executable).with_name("ovms-lite"))
PICTURES_SUFFIX = "_pictures"
"""ovms-lite serves a model with its channels first once more under this name, told to take pictures."""

VersionFolders = Mapping[str, Path]
"""Model name to the folder of its one version, which holds the files."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that is ready; `ready_seconds` from the start of its process."""

    address: str
    process: psutil.Process
    ready_seconds: float

    def infer_url(self, model: str) -> str:
        """Where KServe v2 requests go."""
        return f"{self.address}/v2/models/{model}/infer"

    def resident_mib(self) -> float:
        """Memory of the process and its children; pages that they share count for each."""
        tree = [self.process, *self.process.children(recursive=True)]
        return sum(process.memory_info().rss for process in tree) / _MIB


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def write_ovms_config(
    config: Path, models: Mapping[str, Path], settings: Mapping[str, object] | None = None
) -> None:
    """Replace config.json by rename; `models` are name to model folder, `settings` go to each."""
    entries = [{"config": {"name": name, "base_path": str(path)} | dict(settings or {})}
               for name, path in models.items()]  # fmt: skip
    _write_by_rename(config, {"model_config_list": entries})


@contextmanager
def ovms_lite(config: Path, *arguments: str, command: Sequence[str] = (OVMS_LITE,)) -> Iterator[Running]:
    """ovms-lite with an existing config.json; `command` starts it another way."""
    port = free_port()
    flags = ["--config_path", str(config)]
    flags += ["--rest_bind_address", "127.0.0.1", "--log_level", "ERROR", "--rest_port", str(port)]
    with _running([*command, *flags, *arguments], port, config.parent) as running:
        yield running


@contextmanager
def ovms_lite_serving(
    models: VersionFolders,
    folder: Path,
    *,
    pictures: Sequence[str] = (),
    hint: str | None = None,
    command: Sequence[str] = (OVMS_LITE,),
) -> Iterator[Running]:
    """ovms-lite with these models; those named in `pictures` also as such with the channels last.

    `hint` is the device's PERFORMANCE_HINT; None leaves it to the server.
    """
    settings = {} if hint is None else {"plugin_config": {"PERFORMANCE_HINT": hint}}
    entries: list[dict[str, object]] = []
    for name, version in models.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "1").symlink_to(version.absolute())
        entries.append({"name": name, "base_path": str(folder / name), **settings})
        if name in pictures:
            entries.append(entries[-1] | {"name": name + PICTURES_SUFFIX, "layout": "NHWC:NCHW"})
    _write_by_rename(folder / "config.json", {"model_config_list": [{"config": entry} for entry in entries]})
    with ovms_lite(folder / "config.json", command=command) as running:
        yield running


@contextmanager
def mlserver(python: Path, models: VersionFolders, folder: Path) -> Iterator[Running]:
    """MLServer that infers in its own process: handing tensors to a worker process costs it time."""
    port, grpc_port = free_port(), free_port()
    server = {"host": "127.0.0.1", "http_port": port, "grpc_port": grpc_port, "metrics_endpoint": None}
    folder.mkdir()
    _write_by_rename(folder / "settings.json", server | {"debug": False, "parallel_workers": 0})
    for name, version in models.items():
        settings = {
            "name": name,
            "implementation": "mlserver_runtime.OpenVinoRuntime",
            "parameters": {"uri": str(version.absolute())},
        }
        (folder / name).mkdir()
        _write_by_rename(folder / name / "model-settings.json", settings)
    with _running([str(python.with_name("mlserver")), "start", str(folder)], port, folder) as running:
        yield running


@contextmanager
def kserve(python: Path, models: VersionFolders, folder: Path) -> Iterator[Running]:
    """KServe's Python model server."""
    port = free_port()
    folder.mkdir()
    pairs = [f"{name}={version.absolute()}" for name, version in models.items()]
    command = [str(python), str(HERE / "kserve_runtime.py"), str(port), *pairs]
    with _running(command, port, folder) as running:
        yield running


@contextmanager
def echo() -> Iterator[Running]:
    """The echo application on ovms-lite's own HTTP server."""
    port = free_port()
    with _running([sys.executable, str(HERE / "echo_app.py"), str(port)], port, HERE) as running:
        yield running


@contextmanager
def _running(command: list[str], port: int, folder: Path) -> Iterator[Running]:
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    log = Path(folder / "server.log") if folder != HERE else Path(os.devnull)
    began = time.monotonic()
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(process, f"{address}/v2/health/ready", log)
        yield Running(address, psutil.Process(process.pid), time.monotonic() - began)
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            words = log.read_text()[-2000:]
            raise SystemExit(f"a server ended with exit code {process.returncode} at its start:\n{words}")
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310 - an address of ours
                return
        except OSError:
            time.sleep(_LOOK_SECONDS)
    raise SystemExit(f"no answer from {url} within {_START_SECONDS} s")


def _write_by_rename(path: Path, document: object) -> None:
    aside = path.with_name(path.name + ".new")
    aside.write_text(json.dumps(document))
    aside.replace(path)
