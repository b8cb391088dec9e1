"""The entrypoint of both images, run as it is, with ovms-lite in the place of `ovms`."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Start = Callable[..., subprocess.Popen[str]]

ENTRYPOINT = Path(__file__).parents[1] / "entrypoint.sh"
EMPTY = '{"model_config_list": []}'


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start the entrypoint with these arguments and variables; `ovms` is ovms-lite, or what `server` says."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, server: str = "", **variables: str) -> subprocess.Popen[str]:
        programs = tmp_path / "bin"
        programs.mkdir(exist_ok=True)
        if server:
            (programs / "ovms").write_text(server)
            (programs / "ovms").chmod(0o755)
        else:
            (programs / "ovms").symlink_to(Path(sys.executable).with_name("ovms-lite"))
        environment = {"PATH": f"{programs}:{os.environ['PATH']}"} | variables
        process = subprocess.Popen(
            # a test run in the background of a shell is deaf to SIGINT, and so would be what it starts
            ["env", "--default-signal=INT", ENTRYPOINT, *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


SHOW_FLAGS = '#!/bin/bash\nprintf "%s\\n" "$@"\n'


def _flags(process: subprocess.Popen[str]) -> list[str]:
    output, _ = process.communicate(timeout=30)
    return output.splitlines()


def _free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def test_variables_become_flags_and_arguments_follow_them(start: Start) -> None:
    process = start(
        "--log_level",
        "DEBUG",
        server=SHOW_FLAGS,
        OVMS_MODEL_NAME="car",
        OVMS_MODEL_PATH="/models/a b",
        OVMS_PLUGIN_CONFIG='{"NUM_STREAMS": "1", "X": "="}=',
        OVMS_METRICS_ENABLE="true",
        OVMS_ALLOW_CREDENTIALS="false",
        OVMS_CACHE_DIR="",
        OTHER="no",
    )
    assert _flags(process) == [
        "--metrics_enable",
        "--model_name=car",
        "--model_path=/models/a b",
        '--plugin_config={"NUM_STREAMS": "1", "X": "="}=',
        "--log_level",
        "DEBUG",
    ]


def test_an_argument_wins_over_the_variable_of_the_same_flag(start: Start) -> None:
    server = start(
        "--rest_port=8001",
        "--log_level",
        "DEBUG",
        server=SHOW_FLAGS,
        OVMS_REST_PORT="8000",
        OVMS_LOG_LEVEL="INFO",
        OVMS_CONFIG_PATH="/m/config.json",
        OVMS_CONFIG_WAIT_SECONDS="0",
    )
    assert server.communicate(timeout=10)[0].split() == [
        "--config_path=/m/config.json",
        "--rest_port=8001",
        "--log_level",
        "DEBUG",
    ]


def test_what_kubernetes_sets_for_a_service_called_ovms_is_no_flag(start: Start) -> None:
    process = start(
        server=SHOW_FLAGS,
        OVMS_MODEL_NAME="car",
        OVMS_PORT="tcp://10.96.0.7:8000",
        OVMS_SERVICE_HOST="10.96.0.7",
        OVMS_SERVICE_PORT="8000",
        OVMS_SERVICE_PORT_REST="8000",
        OVMS_PORT_8000_TCP="tcp://10.96.0.7:8000",
        OVMS_PORT_8000_TCP_ADDR="10.96.0.7",
        OVMS_LITE_SERVER_SERVICE_HOST="10.96.0.7",
    )
    output, errors = process.communicate(timeout=30)
    assert output.splitlines() == ["--model_name=car"]
    assert "there is no gRPC; set enableServiceLinks: false" in errors


def test_without_a_model_or_a_file_named_the_default_config_is_used(start: Start) -> None:
    process = start(server=SHOW_FLAGS, OVMS_CONFIG_WAIT_SECONDS="0", OVMS_REST_PORT="8000")
    assert _flags(process) == ["--rest_port=8000", "--config_path=/models/config.json"]


OVMS_LITE = Path(sys.executable).with_name("ovms-lite")
AS_FROM_2026_3 = f'#!/bin/bash\nexec /bin/bash -c \'exec {OVMS_LITE} "$@"\' -- "$@"\n'
"""From 2026.3 on the image's own entrypoint is a shell that execs the program, before it is the program."""


@pytest.mark.parametrize("server", ["", AS_FROM_2026_3], ids=["2026.2", "2026.3"])
@pytest.mark.parametrize("early", ["", '{"model_config_', '{"something": "else"}'])
def test_it_waits_for_a_whole_config_then_serves_and_sigterm_reaches_the_server(
    start: Start, tmp_path: Path, early: str, server: str
) -> None:
    config = tmp_path / "config.json"
    if early:
        config.write_text(early)
    port = _free_port()
    flags = ("--rest_port", port, "--rest_bind_address=127.0.0.1")
    process = start(*flags, server=server, OVMS_CONFIG_PATH=str(config))
    assert process.stderr is not None
    assert f"waiting up to 300 s for {config}" in process.stderr.readline()
    aside = tmp_path / "aside"
    aside.write_text(EMPTY)
    aside.replace(config)
    while True:
        assert process.poll() is None
        try:
            connection = HTTPConnection("127.0.0.1", int(port), timeout=5)
            connection.request("GET", "/v2/health/ready")
            if connection.getresponse().status == 200:
                break
        except OSError:
            time.sleep(0.02)
        finally:
            connection.close()
    assert "ovms" in Path(f"/proc/{process.pid}/cmdline").read_text()  # the same process: it was exec'd
    assert str(ENTRYPOINT) not in Path(f"/proc/{process.pid}/cmdline").read_text()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0
    assert '"server_stopping"' in process.stderr.read()


def test_the_end_of_the_wait_says_what_to_look_at(start: Start, tmp_path: Path) -> None:
    process = start("--config_path", str(tmp_path / "config.json"), OVMS_CONFIG_WAIT_SECONDS="1")
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "look at the log of model-sync" in errors


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_it_waits_ends_it_with_0(start: Start, tmp_path: Path, number: signal.Signals) -> None:
    process = start(OVMS_CONFIG_PATH=str(tmp_path / "config.json"))
    assert process.stderr is not None
    assert "waiting" in process.stderr.readline()
    process.send_signal(number)
    assert process.wait(timeout=20) == 0


def test_the_servers_exit_code_and_message_come_through(start: Start, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(EMPTY)
    process = start("--no_such_flag", OVMS_CONFIG_PATH=str(config))
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 64
    assert "--no_such_flag" in errors


def test_a_misspelt_variable_is_refused_by_the_server(start: Start) -> None:
    process = start(OVMS_MODEL_NAME="m", OVMS_MODEL_PATH="/m", OVMS_REST_PROT="8000")
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 64
    assert "--rest_prot" in errors


def test_a_wait_that_is_no_number_is_refused(start: Start) -> None:
    process = start(OVMS_CONFIG_WAIT_SECONDS="5m")
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 64
    assert "'5m'" in errors


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_questions_about_the_server_need_no_config(start: Start, flag: str) -> None:
    process = start(flag)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "ovms-lite" in output
