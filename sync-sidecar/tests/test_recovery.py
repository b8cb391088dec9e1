from pathlib import Path

from model_sync.ovms_config import format_config
from model_sync.recovery import recover_state
from model_sync.state import ModelState, State, StoredFile, StoredVersion
from model_sync.volume import Volume

_VERSION = StoredVersion(1, "1", "f", (StoredFile("model.onnx", 1, "0" * 64),), 5.0)
_STATE = State({"cars": ModelState({1: _VERSION}, configured=(1,), confirmed=(1,), last_number=1)})


def _publish(volume: Volume, tmp_path: Path, number: int = 1) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "model.onnx").write_text("x")
    volume.publish("cars", number, tree)


def test_record_and_folder_that_agree_are_believed(volume: Volume, tmp_path: Path) -> None:
    _publish(volume, tmp_path)
    volume.save_state(_STATE)
    assert recover_state(volume) == _STATE


def test_a_kill_between_record_and_rename_leaves_nothing_to_list(volume: Volume) -> None:
    volume.save_state(_STATE)
    assert recover_state(volume) == State()


def test_a_damaged_folder_is_not_listed(volume: Volume, tmp_path: Path) -> None:
    _publish(volume, tmp_path)
    volume.save_state(_STATE)
    (volume.version_folder("cars", 1) / "model.onnx").write_text("damaged")
    assert recover_state(volume).model("cars").configured == ()


def test_a_lost_state_is_rebuilt_from_what_config_json_lists(volume: Volume, tmp_path: Path) -> None:
    _publish(volume, tmp_path)
    volume.save_config(format_config(_STATE, volume.root))
    recovered = recover_state(volume).model("cars")
    assert (recovered.configured, recovered.last_number) == ((1,), 1)
    assert recovered.stored[1].files[0].path == "model.onnx"


def test_folders_that_nobody_lists_are_not_adopted(volume: Volume, tmp_path: Path) -> None:
    _publish(volume, tmp_path, 7)
    assert recover_state(volume) == State()


def test_an_unreadable_state_is_kept_for_a_person(volume: Volume, tmp_path: Path) -> None:
    _publish(volume, tmp_path)
    volume.save_config(format_config(_STATE, volume.root))
    (volume.root / ".model-sync" / "state.json").write_text("half a st")
    assert recover_state(volume).model("cars").configured == (1,)
    assert (volume.root / ".model-sync" / "state.json.unreadable").read_text() == "half a st"
