"""The command as it is installed."""

import json
import os
import subprocess
import sys
from pathlib import Path

from car_models.tracking.registry import Registry
from edge_stack.stack import Stack
from tiny_models import write_model

from .conftest import registered

_PROMOTE = "from car_models.cli import main; main()"


def run(*arguments: str, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    code = f"import sys; sys.argv = ['car-models', *sys.argv[1:]]; {_PROMOTE}"
    clean = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    return subprocess.run(
        [sys.executable, "-c", code, "promote", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=clean | environment,
    )


def test_it_promotes_and_reports(registry: Registry, tmp_path: Path, stack: Stack) -> None:
    registered(registry, write_model(tmp_path / "m", 1.0), "by-command")
    registry.set_alias("by-command", "champion", 1)
    environment = stack.sidecar_environment() | {"MLFLOW_TRACKING_URI": registry.uri}
    waiting = ("--wait", "--status-url", stack.ports.sidecar_url)
    done = run("models:/by-command@champion", *waiting, "--json", environment=environment)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["model"], told["version"], told["uploaded"], told["state"]) == (
        "by-command",
        "1",
        True,
        "serving",
    )
    again = run("models:/by-command@champion", environment=environment)
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines()[-1] == (
        "by-command version 1 is by-command version 1: nothing to upload"
    )


def test_its_errors_are_one_sentence_and_an_exit_code(tmp_path: Path) -> None:
    missing = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'none.db'}"}
    done = run("models:/cars@champion", environment=missing)
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr.startswith("car-models: there is no MLflow store at sqlite:///")
    assert len(done.stderr.splitlines()) == 1


def test_importing_mlflow_neither_asks_the_network_nor_starts_its_reporter() -> None:
    code = (
        "import socket, threading\n"
        "def refuse(*a): raise AssertionError(f'asked the network: {a}')\n"
        "socket.socket.connect = refuse\n"
        "socket.getaddrinfo = refuse\n"
        "import car_models.tracking.registry\n"
        "from mlflow.telemetry import get_telemetry_client\n"
        "print(get_telemetry_client(), threading.active_count())"
    )
    without_hints = {k: v for k, v in os.environ.items() if k not in {"CI", "PYTEST_CURRENT_TEST"}}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=without_hints
    )
    assert done.stdout == "None 1\n", done.stderr
