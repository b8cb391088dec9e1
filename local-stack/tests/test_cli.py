import json
import os
import shlex
import socket
import subprocess
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from edge_stack.background.record import read_record
from edge_stack.components import program
from edge_stack.store.minio_server import find_minio
from eventually import wait_until
from image_models import put_version, whole_number_model
from warm_programs import run_warm

FOUR = {"store", "sidecar", "server", "client"}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A folder to run the command in; whatever a failed test leaves running is ended."""
    yield tmp_path
    if (tmp_path / ".local").exists():
        edge_stack(tmp_path, "down")


WITHOUT_RIGHTS = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")
"""Before a command: root has no more rights than who owns the same files, as a person who is not root."""


def edge_stack(folder: Path, *arguments: str, before: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "MINIO_BIN"}
    if not before and (arguments[0] in {"down", "status", "logs"} or "--help" in arguments):
        return run_warm([program("edge-stack"), *arguments], env=environment, cwd=folder, timeout=100)
    return subprocess.run(
        [*before, program("edge-stack"), *arguments],
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
    assert "choose one of store, sidecar, server, client, supervisor" in logs.stderr


def test_help_shows_an_example_for_every_command(home: Path) -> None:
    for command in ("up", "down", "status", "doctor", "logs", "demo"):
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


def test_up_serves_the_models_it_is_given_on_its_page_and_plays_pictures(home: Path) -> None:
    put_version(home / "models", "near", 1, whole_number_model())
    pictures = Path(__file__).parents[2] / "helm-chart/edge-ai-car-classification/files/pictures"
    given = ("--models", "models", "--pictures", str(pictures))
    ran = edge_stack(home, "up", "--store", "embedded", *given, "--json")
    assert ran.returncode == 0, ran.stderr
    page = json.loads(ran.stdout)["addresses"]["page"]

    def listed() -> list[tuple[str, bool]]:
        models = requests.get(f"{page}/api/models", timeout=10).json()["models"]
        return [(model["name"], model["usable"]) for model in models]

    wait_until(lambda: listed() == [("near", True)])
    first = min(path.name for path in pictures.iterdir())
    wait_until(lambda: first in requests.get(f"{page}/api/inferences", timeout=10).text)


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

    metrics = requests.get(f"{started['addresses']['server']}/metrics", timeout=10)
    assert (metrics.status_code, metrics.headers["content-type"].partition(";")[0]) == (200, "text/plain")
    host, _, port = started["addresses"]["grpc"].partition(":")
    assert started["addresses"]["grpc"] in status.stdout
    socket.create_connection((host, int(port)), timeout=10).close()
    assert_the_token_is_kept_and_needed(home, status.stdout, started["addresses"]["sidecar"])

    record = read_record(home / ".local" / "stack" / "stack.json")
    assert record is not None
    down = edge_stack(home, "down")
    assert set(down.stdout.removeprefix("ended: ").strip().split(", ")) == FOUR
    assert record.running() == []
    assert edge_stack(home, "down").stdout == "nothing was running\n"


def assert_the_token_is_kept_and_needed(home: Path, told: str, sidecar: str) -> None:
    shown = next(line for line in told.splitlines() if line.startswith("token"))
    path = Path(shlex.split(shown)[2])
    token = path.read_text().strip()
    assert (path.stat().st_mode & 0o777, len(token)) == (0o600, 32)

    def ask(shows: str) -> int:
        headers = {"Authorization": f"Bearer {shows}"}
        return requests.post(
            f"{sidecar}/v1/sync", json={"by": "Anna"}, headers=headers, timeout=10
        ).status_code

    assert (ask(token), ask("x" * 32)) == (202, 401)
    logs = [log.read_text() for log in (home / ".local/stack/logs").iterdir()]
    assert not [text for text in (told, *logs) if token in text]


def components(home: Path) -> dict[str, dict[str, Any]]:
    told = json.loads(edge_stack(home, "status", "--json").stdout)
    return {component["name"]: component for component in told["processes"]}


@pytest.mark.heavy
def test_what_dies_is_started_again_and_told(home: Path) -> None:
    assert edge_stack(home, "up", "--store", "embedded").returncode == 0
    before = components(home)
    os.kill(before["sidecar"]["pid"], 9)
    wait_until(lambda: components(home)["sidecar"]["restarts"] == 1, within=90)
    wait_until(lambda: components(home)["sidecar"]["health"] == "ready", within=90)
    after = components(home)
    assert "exit code -9" in after["sidecar"]["trouble"]
    assert {name for name in FOUR if after[name]["pid"] != before[name]["pid"]} == {"sidecar"}
    assert "component_started_again" in edge_stack(home, "logs", "supervisor").stdout
    assert not json.loads(edge_stack(home, "up", "--json").stdout)["started"]

    for options in (("--store", "minio"), ("--host", "0.0.0.0")):
        other = edge_stack(home, "up", *options)
        assert (other.returncode, "run `edge-stack down` first" in other.stderr) == (78, True)

    assert edge_stack(home, "down").returncode == 0
    assert running_of(home) == []


def test_down_also_ends_what_is_only_being_started(home: Path) -> None:
    with subprocess.Popen(
        [program("edge-stack"), "up", "--store", "embedded"], cwd=home, stderr=subprocess.PIPE, text=True
    ) as up:
        wait_until((home / ".local" / "stack" / "up.lock").exists)
        down = edge_stack(home, "down")
        assert down.stdout.startswith("ended: "), down
        _, told = up.communicate(timeout=30)
    assert (up.returncode, "was ended while it started" in told) == (75, True)
    assert running_of(home) == []


@pytest.mark.heavy
@pytest.mark.timeout(400)  # three starts
def test_two_checkouts_run_beside_each_other_and_one_may_be_killed_where_a_person_without_rights_runs_it(
    home: Path,
) -> None:
    addresses = []
    here, there = home / "here", home / "a place with ü"
    person = WITHOUT_RIGHTS if os.geteuid() == 0 else ()

    def up(folder: Path, before: Sequence[str]) -> dict[str, Any]:
        given = ("--store", "embedded", "--models", "models", "--json")
        ran = edge_stack(folder, "up", *given, before=before)
        assert ran.returncode == 0, ran.stderr
        told: dict[str, Any] = json.loads(ran.stdout)
        return told

    try:
        people: tuple[tuple[Path, Sequence[str]], ...] = ((here, ()), (there, person))
        for folder, before in people:
            put_version(folder / "models", "near", 1, whole_number_model())
            addresses.append(set(up(folder, before)["addresses"].values()))
        assert not addresses[0] & addresses[1]
        assert edge_stack(here, "down").returncode == 0

        for process in running_of(there):
            process.kill()
        assert edge_stack(there, "status", before=person).returncode == 75
        assert up(there, person)["started"]
        assert not up(there, person)["started"]
        assert edge_stack(there, "status", before=person).returncode == 0
        examined = edge_stack(there, "doctor", before=person)
        assert (examined.returncode, "FAIL" in examined.stdout) == (0, False), examined.stdout
        assert edge_stack(there, "down", before=person).returncode == 0
        assert running_of(there) == []
    finally:
        for folder in (here, there):
            edge_stack(folder, "down")


def test_when_a_component_cannot_start_nothing_is_left(home: Path) -> None:
    volume = home / ".local" / "stack" / "volume"
    volume.parent.mkdir(parents=True)
    volume.write_text("a file where the folder of models should be")
    up = edge_stack(home, "up", "--store", "embedded")
    assert up.returncode != 0
    assert "volume" in up.stderr
    assert "Traceback" not in up.stderr
    assert read_record(home / ".local" / "stack" / "stack.json") is None
    assert running_of(home) == []


def running_of(folder: Path) -> list[psutil.Process]:
    """Processes that were started in the folder, or whose command line mentions it."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd", "status"]):
        words = [*(process.info["cmdline"] or ()), process.info["cwd"] or ""]
        if str(folder) in " ".join(words) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found
