import json
import os
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import psutil
import pytest
import requests
from edge_stack.background.record import read_record
from edge_stack.components import program
from edge_stack.store.minio_server import find_minio
from eventually import wait_until
from image_models import put_version, whole_number_model

FOUR = {"store", "sidecar", "server", "client"}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A folder to run the command in; whatever a failed test leaves running is ended."""
    yield tmp_path
    edge_stack(tmp_path, "down")


def edge_stack(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "MINIO_BIN"}
    return subprocess.run(
        [program("edge-stack"), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_without_a_stack_each_command_says_so_in_one_line(home: Path) -> None:
    down = edge_stack(home, "down")
    assert (down.returncode, down.stdout) == (0, "nothing was running\n")
    status = edge_stack(home, "status")
    assert status.returncode == 78
    assert status.stderr == "edge-stack: no stack runs in .local/stack; start one with `edge-stack up`\n"
    logs = edge_stack(home, "logs", "server")
    assert logs.returncode == 78
    assert "server has no log" in logs.stderr
    assert not (home / ".local").exists()


def test_an_unknown_component_is_answered_with_the_known_ones(home: Path) -> None:
    logs = edge_stack(home, "logs", "broker")
    assert logs.returncode == 65
    assert "choose one of store, sidecar, server, client" in logs.stderr


def test_help_shows_an_example_for_every_command(home: Path) -> None:
    for command in ("up", "down", "status", "logs", "demo"):
        shown = edge_stack(home, command, "--help")
        assert shown.returncode == 0
        assert f"Example: edge-stack {command}" in shown.stdout


def test_it_says_its_version(home: Path) -> None:
    assert edge_stack(home, "--version").stdout == f"edge-stack {version('edgeai-cars-stack')}\n"


def test_a_damaged_record_is_not_guessed_at(home: Path) -> None:
    record = home / ".local" / "stack" / "stack.json"
    record.parent.mkdir(parents=True)
    record.write_text("{}")
    assert edge_stack(home, "up").returncode == 78
    assert edge_stack(home, "down").returncode == 78
    record.unlink()


def test_up_serves_the_models_it_is_given_on_its_page(home: Path) -> None:
    put_version(home / "models", "near", 1, whole_number_model())
    ran = edge_stack(home, "up", "--store", "embedded", "--models", "models", "--json")
    assert ran.returncode == 0, ran.stderr
    page = json.loads(ran.stdout)["addresses"]["page"]

    def listed() -> list[tuple[str, bool]]:
        models = requests.get(f"{page}/api/models", timeout=10).json()["models"]
        return [(model["name"], model["usable"]) for model in models]

    wait_until(lambda: listed() == [("near", True)])


def served_after_up(home: Path, store: str) -> list[tuple[str, str]]:
    """Number and state of the model near, once `up` has ended."""
    ran = edge_stack(home, "up", "--store", store, "--models", "models", "--json")
    assert ran.returncode == 0, ran.stderr
    status = requests.get(f"{json.loads(ran.stdout)['addresses']['sidecar']}/v1/status", timeout=10).json()
    return [(version["source"], version["state"]) for version in status["models"]["near"]["versions"]]


@pytest.mark.timeout(300)  # two starts
def test_up_after_down_serves_what_the_embedded_store_kept(home: Path) -> None:
    put_version(home / "models", "near", 1, whole_number_model())
    assert served_after_up(home, "embedded") == [("1", "serving")]
    assert edge_stack(home, "down").returncode == 0
    assert served_after_up(home, "embedded") == [("1", "serving")]


@pytest.mark.minio
@pytest.mark.timeout(400)  # three starts
def test_up_works_with_the_other_store_and_with_the_first_one_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    binary = find_minio(checkout=Path(__file__).resolve().parents[2])
    assert binary is not None, "needs a real MinIO: run `make minio` or set MINIO_BIN"
    monkeypatch.setenv("PATH", str(binary.parent), prepend=os.pathsep)
    put_version(home / "models", "near", 1, whole_number_model())
    for store in ("embedded", "minio", "embedded"):
        assert served_after_up(home, store) == [("1", "serving")]
        assert edge_stack(home, "down").returncode == 0


def test_up_with_a_folder_without_models_says_so_and_leaves_nothing(home: Path) -> None:
    ran = edge_stack(home, "up", "--store", "embedded", "--models", "none")
    assert (ran.returncode, "there is no model in none" in ran.stderr) == (78, True)
    assert edge_stack(home, "status").returncode == 78


def test_up_status_logs_down_can_each_be_repeated_and_leave_nothing(home: Path) -> None:
    first = edge_stack(home, "up", "--store", "embedded", "--json")
    assert first.returncode == 0, first.stderr
    started = json.loads(first.stdout)
    assert started["started"]
    assert {process["name"] for process in started["processes"]} == FOUR

    again = json.loads(edge_stack(home, "up", "--json").stdout)
    assert not again["started"]
    assert again["processes"] == started["processes"]

    status = edge_stack(home, "status")
    assert status.returncode == 0
    assert started["addresses"]["server"] in status.stdout
    told = dict(
        line.split(maxsplit=1) for line in status.stdout.splitlines() if line.startswith(("upload", "class"))
    )
    for line, name in (("upload", "model-sync"), ("classify", "car-client")):
        assert Path(next(word for word in told[line].split() if word.endswith(f"/{name}"))).is_file()
    assert told["upload"].endswith(f"--status-url {started['addresses']['sidecar']}")
    assert edge_stack(home, "logs", "sidecar").stdout.strip()

    record = read_record(home / ".local" / "stack" / "stack.json")
    assert record is not None
    down = edge_stack(home, "down")
    assert set(down.stdout.removeprefix("ended: ").strip().split(", ")) == FOUR
    assert record.running() == []
    assert edge_stack(home, "down").stdout == "nothing was running\n"


def test_up_replaces_a_stack_of_which_a_part_has_died(home: Path) -> None:
    started = json.loads(edge_stack(home, "up", "--store", "embedded", "--json").stdout)
    pids = {process["name"]: process["pid"] for process in started["processes"]}
    os.kill(pids["sidecar"], 9)
    assert edge_stack(home, "status").returncode == 75
    again = json.loads(edge_stack(home, "up", "--store", "embedded", "--json").stdout)
    assert again["started"]
    assert not set(pids.values()) & {process["pid"] for process in again["processes"]}


def test_when_a_component_cannot_start_nothing_is_left(home: Path) -> None:
    volume = home / ".local" / "stack" / "volume"
    volume.parent.mkdir(parents=True)
    volume.write_text("a file where the folder of models should be")
    up = edge_stack(home, "up", "--store", "embedded")
    assert up.returncode != 0
    assert "volume" in up.stderr
    assert "Traceback" not in up.stderr
    assert read_record(home / ".local" / "stack" / "stack.json") is None
    assert processes_of(home) == []


def processes_of(folder: Path) -> list[str]:
    """Command lines that mention the folder."""
    lines = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    return [line for line in lines if str(folder) in line]
