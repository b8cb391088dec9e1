import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from edge_common.errors import FatalError
from model_sync.planning.state import State, StoredFile, StoredVersion
from model_sync.volume.recovery import recover_state
from model_sync.volume.volume import Volume


def _tree(folder: Path, text: str = "x") -> Path:
    (folder / "sub").mkdir(parents=True)
    (folder / "model.onnx").write_text(text)
    (folder / "sub" / "b.bin").write_text("b")
    return folder


def _make_file(path: Path) -> None:
    path.write_text("in the way")


def _make_link(path: Path) -> None:
    path.symlink_to(path.parent)


def _make_dead_link(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere")


@pytest.mark.parametrize("stand_in_the_way", [_tree, _make_file, _make_link, _make_dead_link])
def test_whatever_stands_in_the_way_of_a_version_makes_room(
    volume: Volume, tmp_path: Path, stand_in_the_way: Callable[[Path], object]
) -> None:
    for round_ in ("first", "second"):
        target = volume.version_folder("cars", 1)
        volume.publish("cars", 1, _tree(tmp_path / round_))
        volume.delete("cars", 1)
        stand_in_the_way(target)
        volume.publish("cars", 1, _tree(tmp_path / f"{round_}-again", round_))
        assert (target / "model.onnx").read_text() == round_
        assert not target.is_symlink()
    volume.empty_trash()
    assert list((volume.root / ".model-sync" / "trash").iterdir()) == []


def test_a_withdrawn_version_is_back_in_staging_without_its_card(volume: Volume, tmp_path: Path) -> None:
    volume.publish("cars", 1, _tree(tmp_path / "tree"))
    volume.save_card("cars", 1, b"{}")
    back = volume.staging_folder("cars", "1") / "tree"
    volume.withdraw("cars", 1, back)
    assert (back / "model.onnx").exists()
    assert not volume.version_folder("cars", 1).exists()
    assert volume.load_card("cars", 1) is None


def test_a_copy_has_the_same_files_and_outlives_the_original(
    volume: Volume, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object, **_named: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    volume.publish("cars", 9, _tree(tmp_path / "tree"))
    copy = volume.staging_folder("cars", "1") / "copy"
    with monkeypatch.context() as patched:  # as where nobody may set dates and modes
        patched.setattr(os, "utime", refuse)
        patched.setattr(os, "chmod", refuse)
        volume.copy_version("cars", 9, copy)
    volume.delete("cars", 9)
    assert (copy / "sub" / "b.bin").read_text() == "b"


def test_a_version_is_intact_only_with_exactly_its_files(volume: Volume, tmp_path: Path) -> None:
    files = (StoredFile("model.onnx", 1, ""), StoredFile("sub/b.bin", 1, ""))
    version = StoredVersion(1, "1", "", files, 0.0)
    assert not volume.is_intact("cars", version)
    volume.publish("cars", 1, _tree(tmp_path / "tree"))
    assert volume.is_intact("cars", version)
    (volume.version_folder("cars", 1) / "model.onnx").write_text("longer")
    assert not volume.is_intact("cars", version)


def test_only_folders_with_a_version_number_are_versions(volume: Volume) -> None:
    for name in ("1", "07", "²", "x", "12"):
        (volume.root / "cars" / name).mkdir(parents=True)
    assert set(volume.stored_versions()) == {("cars", 1), ("cars", 12)}


def test_an_unreadable_state_is_told_and_kept(volume: Volume) -> None:
    assert volume.load_state() is None
    volume.save_state(State())
    assert volume.load_state() == State()
    (volume.root / ".model-sync" / "state.json").write_text("{")
    with pytest.raises(FatalError):
        volume.load_state()
    assert volume.set_aside_state().read_text() == "{"


def test_a_missing_volume_is_told_with_its_setting(tmp_path: Path) -> None:
    with pytest.raises(
        FatalError, match="does not exist; mount the volume there or set MODEL_SYNC_MODELS_DIR"
    ):
        Volume(tmp_path / "missing").prepare()


def test_a_volume_that_cannot_be_written_is_told() -> None:
    with pytest.raises(FatalError, match="cannot write to the models folder /sys"):
        Volume(Path("/sys")).prepare()


def test_files_where_our_folders_and_those_of_models_should_be_are_moved_aside(tmp_path: Path) -> None:
    (tmp_path / ".model-sync").write_text("notes")
    (tmp_path / "cars").write_text("more notes")
    volume = Volume(tmp_path)
    volume.prepare()
    volume.publish("cars", 1, _tree(volume.staging_folder("cars", "1") / "tree"))
    assert volume.version_folder("cars", 1).is_dir()
    assert (tmp_path / "..model-sync.moved-aside").read_text() == "notes"
    assert (tmp_path / ".cars.moved-aside").read_text() == "more notes"


def test_a_folder_that_shows_its_files_late_is_waited_for_and_not_for_ever(tmp_path: Path) -> None:
    waited: list[float] = []
    late = Volume(tmp_path, waited.append)
    version = StoredVersion(1, "1", "", (StoredFile("model.onnx", 1, ""),), 0.0)
    with pytest.raises(OSError, match="does not show the files"):
        late.wait_until_seen("cars", version)
    assert 1 < sum(waited) < 10

    def appear(seconds: float) -> None:
        if seconds > 0.1:
            folder = late.version_folder("cars", 1)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "model.onnx").write_text("x")

    Volume(tmp_path, appear).wait_until_seen("cars", version)


def test_a_file_that_somebody_holds_in_the_trash_keeps_no_version_from_leaving(
    volume: Volume, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)  # as where an open file cannot be deleted
    for round_ in range(3):
        volume.publish("cars", 1, _tree(tmp_path / str(round_)))
        volume.delete("cars", 1)
    assert not volume.version_folder("cars", 1).exists()


@pytest.mark.parametrize("name", ["state.json", "config.json", "cards/cars@1.json"])
@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_plain_file_is_not_read_and_makes_way(volume: Volume, name: str, kind: str) -> None:
    path = volume.root / name if name == "config.json" else volume.own / name
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    assert volume.load_config() is None
    assert volume.load_card("cars", 1) is None
    recover_state(volume)
    volume.save_state(State())
    volume.save_config(b"{}")
    volume.save_card("cars", 1, b"{}")
    assert (volume.load_config(), volume.load_card("cars", 1)) == (b"{}", b"{}")
    assert volume.load_state() == State()


def test_empty_folders_that_a_killed_process_left_go_from_both_places(volume: Volume) -> None:
    for folder in (volume.root / "cars", volume.staging_root / "cars", volume.staging_root / "vans"):
        folder.mkdir()
    kept = _tree(volume.staging_root / "buses" / "1").parent
    volume.forget_empty_models()
    assert list(volume.walk.folders(volume.staging_root)) == [kept]
    assert not (volume.root / "cars").exists()
