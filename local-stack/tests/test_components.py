from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from edge_stack.components import (
    StackFolder,
    StackPorts,
    client_command,
    client_environment,
    program,
    server_command,
    sidecar_command,
    sidecar_environment,
)
from edge_stack.processes.ports import ReservedPort

FOLDER = StackFolder(Path("/stack"))


@pytest.fixture
def ports() -> Iterator[StackPorts]:
    with ReservedPort() as server, ReservedPort() as sidecar, ReservedPort() as client:
        yield StackPorts(server=server, sidecar=sidecar, client=client)


def test_the_sidecar_learns_the_store_the_volume_and_the_server(ports: StackPorts) -> None:
    environment = sidecar_environment(FOLDER, ports, "http://127.0.0.1:9000", {})
    assert environment["MODEL_SYNC_S3_ENDPOINT"] == "http://127.0.0.1:9000"
    assert environment["MODEL_SYNC_MODELS_DIR"] == "/stack/volume"
    assert environment["MODEL_SYNC_OVMS_URL"] == ports.server_url
    assert environment["MODEL_SYNC_HTTP_PORT"] == str(ports.sidecar.number)
    command = sidecar_command(FOLDER, ports, environment)
    assert command.argv[1:] == ["run"]
    assert command.log == Path("/stack/logs/sidecar.log")
    assert command.ports == (ports.sidecar,)


def test_further_settings_of_the_sidecar_win(ports: StackPorts) -> None:
    environment = sidecar_environment(FOLDER, ports, "http://store", {"BUCKET": "other", "EVENTS": "off"})
    assert environment["MODEL_SYNC_BUCKET"] == "other"
    assert environment["MODEL_SYNC_EVENTS"] == "off"


def test_the_server_reads_what_the_sidecar_writes_and_listens_on_this_machine_only(ports: StackPorts) -> None:
    command = server_command(FOLDER, ports, ("--log_level", "DEBUG"))
    arguments = [str(argument) for argument in command.argv]
    assert arguments[arguments.index("--config_path") + 1] == "/stack/volume/config.json"
    assert arguments[arguments.index("--rest_bind_address") + 1] == "127.0.0.1"
    assert arguments[arguments.index("--rest_port") + 1] == str(ports.server.number)
    assert arguments[-2:] == ["--log_level", "DEBUG"]


def test_the_server_speaks_grpc_on_this_machine_where_it_has_a_port_for_it(ports: StackPorts) -> None:
    assert ports.grpc_address == ""
    assert "--port" not in server_command(FOLDER, ports).argv
    with ReservedPort() as port:
        speaking = replace(ports, grpc=port)
        assert speaking.grpc_address == f"127.0.0.1:{port.number}"
        command = server_command(FOLDER, speaking)
        at = command.argv.index("--port")
        assert command.argv[at : at + 4] == ["--port", str(port.number), "--grpc_bind_address", "127.0.0.1"]
        assert port in command.ports
        assert client_environment(speaking)["CAR_CLIENT_GRPC_ADDRESS"] == speaking.grpc_address


def test_the_client_is_told_server_and_sidecar(ports: StackPorts) -> None:
    assert client_environment(ports) == {
        "CAR_CLIENT_SERVER_URL": ports.server_url,
        "CAR_CLIENT_SIDECAR_URL": ports.sidecar_url,
    }


def test_the_client_has_a_place_for_reviews_where_there_is_a_store(ports: StackPorts) -> None:
    assert client_command(FOLDER, ports, "http://store").env["CAR_CLIENT_REVIEW"] == "s3://pictures/review"
    assert "CAR_CLIENT_REVIEW" not in client_command(FOLDER, ports).env


def test_only_the_page_is_opened_to_others_and_found_here_all_the_same() -> None:
    with ReservedPort() as server, ReservedPort() as sidecar, ReservedPort(host="0.0.0.0") as client:
        ports = StackPorts(server=server, sidecar=sidecar, client=client)
        assert "0.0.0.0" in client_command(FOLDER, ports).argv
        assert Path("/stack/history.sqlite") in client_command(FOLDER, ports).argv
        assert "0.0.0.0" not in server_command(FOLDER, ports).argv
        assert ports.page_url == f"http://127.0.0.1:{client.number}"


def test_commands_of_this_environment_come_before_those_of_path() -> None:
    assert Path(program("edge-stack")).is_absolute()
    assert program("no-such-command") == "no-such-command"
