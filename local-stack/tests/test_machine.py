"""What a machine must have: each thing that lacks is one sentence, and nothing is started without it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from edge_common.errors import FatalError
from edge_stack import machine
from edge_stack.background.up import bring_up
from edge_stack.stack import StackOptions
from edge_stack.store.minio_server import minio_version


@pytest.mark.parametrize(
    ("system", "name", "library", "lacks"),
    [
        ("Linux", "x86_64", ("glibc", "2.28"), ""),
        ("Linux", "x86_64", ("glibc", "2.27"), "glibc 2.28 or later is needed on x86_64"),
        ("Linux", "aarch64", ("glibc", "2.34"), "glibc 2.35 or later is needed on aarch64"),
        ("Linux", "x86_64", ("", ""), "glibc 2.28 or later is needed"),
        ("Darwin", "arm64", ("", ""), ""),
    ],
)
def test_an_old_or_other_c_library_is_told(
    system: str, name: str, library: tuple[str, str], lacks: str
) -> None:
    advice = machine.c_library(system, name, library)[1]
    assert advice.startswith(lacks)
    assert bool(advice) is bool(lacks)


def test_a_processor_without_openvino_is_told() -> None:
    assert machine.processor("Linux", "aarch64")[1] == ""
    assert "published for" in machine.processor("Linux", "armv7l")[1]


def test_too_little_space_and_a_file_in_the_way_are_told(tmp_path: Path) -> None:
    assert machine.space(tmp_path / "not" / "there", 1)[1] == ""
    assert "are needed: make room" in machine.space(tmp_path, 1 << 60)[1]
    (tmp_path / "file").write_text("")
    assert machine.writable(tmp_path / "file" / "stack")[1].startswith("remove it")


@pytest.mark.parametrize("read_only", [True, False])
def test_a_folder_that_may_not_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_only: bool
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write wherever the file system lets it
    monkeypatch.setattr(machine, "_is_read_only", lambda _: read_only)
    seen, advice = machine.writable(tmp_path / "stack")
    assert ("its file system is read-only" if read_only else f"not by user {os.geteuid()}") in seen
    assert advice == "make it writable, or use another folder"


def test_up_starts_nothing_where_something_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 0}))
    with pytest.raises(FatalError, match=r"nothing was started: 0 MiB are free .* make room"):
        bring_up(StackOptions(root=tmp_path / "stack"))
    assert not (tmp_path / "stack" / "stack.json").exists()


def test_asked_before_anything_is_installed_it_ends_with_one_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-IS", machine.__file__, str(tmp_path), str(1 << 40)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == machine.CONFIGURATION_ERROR
    assert ran.stderr.startswith("nothing was installed: ")
    assert len(ran.stderr.splitlines()) == 1
    assert subprocess.run([*command[:-1], "1"], timeout=60, check=False).returncode == 0


def test_a_minio_for_another_processor_is_told(tmp_path: Path) -> None:
    (binary := tmp_path / "minio").write_bytes(b"\x7fELF")
    binary.chmod(0o755)
    with pytest.raises(FatalError, match=r"cannot be run: Exec format error; .* --store embedded"):
        minio_version(binary)
