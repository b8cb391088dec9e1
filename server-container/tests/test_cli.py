from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ovms_lite.config.entries import VersionPolicy
from ovms_lite.errors import StartError, UsageError
from ovms_lite.options import Cors, GrpcOptions, ServerOptions, channel_arguments, is_host, single_model
from warm_programs import run_warm

if TYPE_CHECKING:
    from conftest import Models

COMMAND = Path(sys.executable).with_name("ovms-lite")


def _run(*flags: str) -> subprocess.CompletedProcess[str]:
    return run_warm([COMMAND, *flags])


@pytest.mark.parametrize("flags", [[], ["--help"], ["--version"]])
def test_asking_what_it_is_succeeds(flags: list[str]) -> None:
    done = subprocess.run([COMMAND, *flags], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert "ovms-lite" in done.stdout


@pytest.mark.parametrize(
    ("flags", "names"),
    [
        (["--no_such_flag"], "--no_such_flag"),
        (["--rest_port", "abc"], "--rest_port"),
        (["--config_path", "c.json"], "--rest_port, --port"),
        (["--config_path", "c.json", "--rest_port", "1", "--port", "1"], "gRPC and REST need a port each"),
        (["--config_path", "c.json", "--rest_port", "1", "--grpc_workers", "x"], "--grpc_workers"),
        (["--config_path", "c.json", "--port", "1", "--grpc_workers", "9999"], "the number of cores"),
        (["--config_path", "c.json", "--rest_port", "1", "--rest_workers", "1"], "2 to 10000"),
        (["--config_path", "c.json", "--rest_port", "1", "--log_level", "info"], "INFO"),
        (["--rest_port", "1"], "--config_path"),
    ],
)
def test_a_wrong_flag_is_64_with_one_sentence(flags: list[str], names: str) -> None:
    done = _run(*flags)
    assert done.returncode == 64
    assert names in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_taken_port_and_a_missing_file_are_1_with_one_sentence(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text('{"model_config_list": []}')
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        flags = ["--rest_bind_address", "127.0.0.1", "--rest_port", port, "--config_path"]
        busy = _run(*flags, str(config))
        missing = _run(*flags, str(tmp_path / "nowhere.json"))
    assert (busy.returncode, missing.returncode) == (1, 1)
    assert f"cannot listen on 127.0.0.1:{port}" in busy.stderr
    assert "nowhere.json" in missing.stderr
    assert "Traceback" not in busy.stderr + missing.stderr


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("a-b.example", True),
        ("no.such.host.invalid", True),
        ("192.0.2", False),
        ("192.0.2.256", False),
        ("1", False),
        ("cafe", False),
        (":::1", False),
        ("", False),
        (" 127.0.0.1", False),
        ("host.", False),
        ("-host", False),
        ("under_score", False),
        ("a" * 256, False),
    ],
)
def test_addresses_are_told_from_what_is_none(text: str, taken: bool) -> None:
    """Derived from OVMS's source, not recorded from a running server."""
    assert is_host(text) == taken


@pytest.mark.parametrize("flag", ["--rest_bind_address", "--grpc_bind_address"])
@pytest.mark.parametrize("address", ["192.0.2", "127.0.0.1, ::1", "cafe"])
def test_what_is_no_address_is_64(flag: str, address: str) -> None:
    """Derived from OVMS's source, not recorded from a running server."""
    done = _run("--config_path", "c.json", "--rest_port", "1", "--port", "2", flag, address)
    assert done.returncode == 64
    assert flag in done.stderr


def test_it_listens_on_the_loopback_address_unless_told() -> None:
    options = ServerOptions(rest_port=1, grpc=GrpcOptions(2), config_path=Path("c.json"))
    assert options.rest_bind_addresses == ("127.0.0.1",)
    assert options.grpc is not None
    assert options.grpc.bind_addresses == ("127.0.0.1",)


def test_a_single_model_that_cannot_be_loaded_fails_the_start(models: Models) -> None:
    models.broken("m", 1)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    flags = ["--rest_bind_address", "127.0.0.1", "--rest_port", port]
    done = _run(*flags, "--model_name", "m", "--model_path", str(models.root / "m"))
    assert done.returncode == 1
    assert "the model m cannot be loaded" in done.stderr


@pytest.mark.parametrize(
    "options",
    [
        {"rest_port": 0},
        {"rest_port": 70000},
        {"rest_port": 0, "rest_workers": 2, "grpc": GrpcOptions(9000)},
        {"rest_port": 0, "metrics_enable": True, "grpc": GrpcOptions(9000)},
        {"grpc": GrpcOptions(8000)},
        {"config_path": None},
        {"poll_seconds": -1},
        {"metrics_families": ("ovms_streams",)},
        {"cpu_extension": Path("/nowhere/lib.so")},
    ],
)
def test_combinations_that_make_no_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        ServerOptions(**({"rest_port": 8000, "config_path": Path("c")} | options))  # type: ignore[arg-type]  # wrong on purpose


def test_the_flags_of_one_model_are_read_like_config_json() -> None:
    flags = {"base_path": "/m", "model_version_policy": '{"all": {}}', "shape": '{"x": "(1,2)"}', "nireq": 2}
    model = single_model("m", flags)
    assert model is not None
    assert model.policy == VersionPolicy()
    assert (model.shape, model.nireq, model.base_path) == ((("x", "(1,2)"),), 2, Path("/m"))
    assert single_model(None, {"nireq": None}) is None


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("m", {}),
        (None, {"base_path": "/m"}),
        ("m", {"base_path": "/m", "plugin_config": "{"}),
        ("m", {"base_path": "/m", "model_version_policy": '{"newest": {}}'}),
    ],
)
def test_wrong_flags_of_one_model_are_refused(name: str | None, flags: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        single_model(name, flags)


def test_cors_flags_become_headers_and_cannot_smuggle_others() -> None:
    assert b"access-control-allow-origin: http://ui\r\n" in Cors(origins="http://ui").header_lines()
    with pytest.raises(UsageError):
        Cors(origins="a\r\nset-cookie: b").header_lines()


def test_channel_arguments_are_numbers_where_they_look_so() -> None:
    assert channel_arguments("a=1, b = x,c=-5") == (("a", 1), ("b", "x"), ("c", -5))
    assert channel_arguments("") == ()
    with pytest.raises(StartError, match="name=value"):
        channel_arguments("a=1,b")


def test_the_log_goes_to_a_file_as_well(tmp_path: Path) -> None:
    flags = ["--config_path", str(tmp_path / "nowhere.json"), "--rest_port", "1", "--log_path"]
    assert "cannot be written" in _run(*flags, str(tmp_path)).stderr
    config = tmp_path / "config.json"
    config.write_text('{"model_config_list": []}')
    log = tmp_path / "server.log"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    flags = ["--config_path", str(config), "--rest_bind_address", "127.0.0.1", "--rest_port", port]
    with subprocess.Popen([COMMAND, *flags, "--log_path", str(log)], stderr=subprocess.DEVNULL) as server:
        while not (log.exists() and '"server_ready"' in log.read_text()):
            assert server.poll() is None
        server.terminate()
