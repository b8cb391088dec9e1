import errno
import os
from pathlib import Path

import pytest
from edge_common.atomic_files import (
    flush_to_disk,
    fsync_folder,
    make_folder,
    move_aside,
    replace_file,
    set_mode,
)


def test_content_and_mode_are_as_asked(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    replace_file(path, b"one")
    replace_file(path, b"two", mode=0o600)
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["config.json"]


def test_a_kill_between_write_and_rename_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.json"
    replace_file(path, b"old")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    replace_file(path, b"newer")
    assert path.read_bytes() == b"newer"
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        replace_file(tmp_path / "missing" / "file", b"")
    with pytest.raises(FileNotFoundError):
        fsync_folder(tmp_path / "missing")


def test_a_folder_has_its_mode_whatever_the_umask_is(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        assert make_folder(tmp_path / "a" / "b") is None
    finally:
        os.umask(before)
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o755


def test_what_is_no_folder_makes_way_for_one_and_is_kept(tmp_path: Path) -> None:
    for text in ("one", "two"):
        (tmp_path / "a").write_text(text)
        moved = make_folder(tmp_path / "a")
        assert moved is not None
        assert moved.read_text() == text
        (tmp_path / "a").rmdir()
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_text("x")
    assert (move_aside(tmp_path / "a") / "file").read_text() == "x"


@pytest.mark.parametrize("call", ["fsync", "chmod"])
def test_what_a_file_system_does_not_know_is_gone_without(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(os, call, refuse)
    replace_file(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content"


@pytest.mark.parametrize("call", ["fsync", "chmod"])
def test_a_broken_disk_is_told_with_the_path_it_was_about(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, *_: object) -> None:
        raise OSError(errno.EIO, "Input/output error", descriptor if call == "chmod" else None)

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(OSError, match="Input/output") as told:
        replace_file(tmp_path / "state.json", b"x")
    assert told.value.filename == str(tmp_path / ".state.json.new")


def test_a_disk_that_is_broken_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    for call in ("fsync", "fdatasync", "chmod"):
        monkeypatch.setattr(os, call, refuse)
    with pytest.raises(OSError, match=f"Input/output error: '{tmp_path}'"):
        fsync_folder(tmp_path)
    with pytest.raises(OSError, match="Input/output"):
        flush_to_disk(0, tmp_path, dates=False)
    with pytest.raises(OSError, match="Input/output"):
        set_mode(tmp_path, 0o755)
