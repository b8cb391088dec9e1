"""Folders of others on the volume: what cannot be read concerns itself alone."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from collected_logs import LogLines
from model_sync.model_server.config import format_config
from model_sync.planning.state import ModelState, State, StoredFile, StoredVersion
from model_sync.volume.recovery import recover_state
from model_sync.volume.volume import Volume
from model_sync.volume.walk import files_in, sizes

_VERSION = StoredVersion(1, "1", "f", (StoredFile("model.onnx", 1, "0" * 64),), 5.0)
_STATE = State({"cars": ModelState({1: _VERSION}, configured=(1,), confirmed=(1,), last_local_version=1)})


@pytest.fixture
def foreign(volume: Volume, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that another user keeps to himself; as root every folder could be read."""
    folder = volume.root / "backup"
    (folder / "1").mkdir(parents=True)
    iterdir = Path.iterdir

    def refuse(path: Path) -> Iterator[Path]:
        if path.is_relative_to(folder):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    return folder


def _serve(volume: Volume) -> None:
    folder = volume.version_folder("cars", 1)
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_text("x")
    volume.save_state(_STATE)
    volume.save_config(format_config(_STATE, volume.root))


@pytest.mark.parametrize("state_is_lost", [False, True])
def test_a_start_leaves_a_folder_alone_that_it_may_not_read_and_says_so_once(
    volume: Volume, foreign: Path, logged: LogLines, *, state_is_lost: bool
) -> None:
    _serve(volume)
    if state_is_lost:
        volume.state_path.unlink()
        volume.claim()
    for _ in range(2):
        assert recover_state(volume).model("cars").configured == (1,)
    told = [line for line in logged.lines if line["event"] == "folder_left_alone"]
    assert [line["path"] for line in told] == [str(foreign)] * state_is_lost
    assert (foreign / "1").exists()


def test_a_start_leaves_an_empty_folder_of_another_user_where_it_is(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    (volume.root / "theirs").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: (volume.root / "theirs").stat().st_uid + 1)
    recover_state(volume)
    assert (volume.root / "theirs").exists()


def test_plain_files_where_folders_should_be_hold_nothing_up(volume: Volume) -> None:
    (volume.staging_root / "notes.txt").write_text("x")
    (volume.root / "readme.md").write_text("x")
    assert list(volume.staged_uploads()) == []
    assert recover_state(volume) == State()


def test_a_version_that_cannot_be_read_any_more_is_fetched_again(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    _serve(volume)

    def refuse(path: str) -> object:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    recovered = recover_state(volume).model("cars")
    assert recovered.configured == (1,), "it has answered, and may answer still"
    assert recovered.stored[1].harmed


def test_what_file_systems_put_into_a_version_by_themselves_is_no_damage(volume: Volume) -> None:
    _serve(volume)
    folder = volume.version_folder("cars", 1)
    for name in (".nfs00000000deadbeef00000001", ".fuse_hidden0000000100000001", ".DS_Store"):
        (folder / name).write_text("left by the file system")
    assert recover_state(volume) == _STATE


def test_links_and_devices_are_not_what_was_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "pipe")
    found = files_in(tmp_path)
    assert found is not None
    assert sizes(found) == {"file": 1, "link": -1, "pipe": -1}
    assert files_in(tmp_path / "file") is None
    assert files_in(tmp_path / "file" / "below") is None
