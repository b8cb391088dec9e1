"""The doctor: what it says of values, and what the command prints and ends with."""

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from edge_common.errors import FatalError
from edge_common.findings import Finding, Level
from edge_stack import doctor
from edge_stack.cli import app
from edge_stack.doctor import examine
from edge_stack.processes.ports import ReservedPort
from edge_stack.stack import StackOptions
from edge_stack.store.store import StoreKind
from typer.testing import CliRunner


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def found(options: StackOptions) -> dict[str, Finding]:
    return {finding.what: finding for finding in examine(options, 0.0)}


def test_a_taken_port_is_told_with_what_up_does_then(taken: int) -> None:
    seen, advice = doctor.port(taken, "page", "127.0.0.1")
    assert seen.startswith("is taken")
    assert "takes another one for the page and prints it" in advice
    with ReservedPort() as free:
        assert doctor.port(free.number, "page", "127.0.0.1") == ("is free for the page", "")


def test_absent_and_unequal_programs_are_told() -> None:
    assert doctor.programs({"model-sync": "1", "ovms-lite": "1"}) == ("model-sync 1, ovms-lite 1", "")
    assert "of different versions" in doctor.programs({"model-sync": "1", "ovms-lite": "2"})[0]
    assert doctor.programs({"model-sync": "1", "ovms-lite": None})[0] == "ovms-lite cannot be started"


def test_shared_memory_may_be_absent(tmp_path: Path) -> None:
    assert doctor.shared_memory(tmp_path)[1] == ""
    assert doctor.shared_memory(tmp_path / "shm")[1].startswith("nothing for the platform")


def test_what_another_user_left_on_the_volume_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert doctor.owner(tmp_path / "volume")[1] == ""
    (tmp_path / "config.json").write_text("")
    assert doctor.owner(tmp_path)[1] == ""
    monkeypatch.setattr(os, "access", lambda path, _: path.name != "config.json")
    seen, advice = doctor.owner(tmp_path)
    assert "config.json belongs to user" in seen
    assert "chown -R" in advice


def test_what_the_sidecar_found_is_passed_on() -> None:
    entry = {"level": "WARN", "what": "clock", "seen": "is late", "advice": "correct it"}
    assert list(doctor.sidecar_findings(json.dumps([entry]))) == [
        Finding(Level.WARN, *list(entry.values())[1:])
    ]
    with pytest.raises(FatalError, match="it told something else"):
        list(doctor.sidecar_findings("Traceback"))


def test_all_is_looked_at_where_nothing_runs(tmp_path: Path) -> None:
    seen = found(StackOptions(root=tmp_path, store=StoreKind.EMBEDDED, page_host="192.0.2.1"))
    assert {"processor", "C library", "state folder", "space", "shared memory", "programs", "store"} <= set(
        seen
    )
    assert {f"port {number}" for number in (8000, 8080, 8081, 9000, 9001)} <= set(seen)
    page = seen["address of the page"]
    assert (page.level, page.advice) == (Level.FAIL, "name an IPv4 address of this machine")


def test_the_command_ends_with_78_when_one_fails_and_prints_one_line_for_each(tmp_path: Path) -> None:
    arguments = ["doctor", "--dir", str(tmp_path), "--store", "embedded"]
    well = CliRunner().invoke(app, [*arguments, "--json"])
    assert well.exit_code == 0
    listed = json.loads(well.stdout)
    assert all(set(entry) == {"level", "what", "seen", "advice"} for entry in listed)
    bad = CliRunner().invoke(app, [*arguments, "--host", "192.0.2.1"])
    assert bad.exit_code == 78
    assert len(bad.stdout.splitlines()) == len(listed)
    (tmp_path / "stack.json").write_text("{")
    assert "FAIL record of the stack" in CliRunner().invoke(app, arguments).stdout
