import hashlib
from dataclasses import replace
from pathlib import Path

from model_sync.model_server.config import format_config
from model_sync.planning.state import ModelState, State, StoredFile, StoredVersion
from model_sync.volume.recovery import harm_found, recover_state
from model_sync.volume.volume import Volume

_VERSION = StoredVersion(1, "1", "f", (StoredFile("model.onnx", 1, "0" * 64),), 5.0)
_STATE = State({"cars": ModelState({1: _VERSION}, configured=(1,), confirmed=(1,), last_local_version=1)})


def _publish(volume: Volume, tmp_path: Path, local_version: int = 1) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "model.onnx").write_text("x")
    volume.publish("cars", local_version, tree)


def test_record_and_folder_that_agree_are_believed(volume: Volume, tmp_path: Path) -> None:
    _publish(volume, tmp_path)
    volume.save_state(_STATE)
    assert recover_state(volume) == _STATE


def test_a_kill_between_record_and_rename_leaves_nothing_to_list(volume: Volume) -> None:
    volume.save_state(State({"cars": replace(_STATE.model("cars"), confirmed=())}))
    assert recover_state(volume) == State()


def _damage(volume: Volume) -> None:
    (volume.version_folder("cars", 1) / "model.onnx").write_text("damaged")


def test_a_damaged_folder_that_has_answered_stays_listed_until_it_is_replaced(
    volume: Volume, tmp_path: Path
) -> None:
    _publish(volume, tmp_path)
    volume.save_state(_STATE)
    _damage(volume)
    recovered = recover_state(volume).model("cars")
    assert (recovered.configured, recovered.confirmed) == ((1,), (1,))
    assert not recovered.stored[1].trusted
    assert recovered.stored[1].files == (StoredFile("model.onnx", 7, ""),)


def test_the_next_start_still_knows_that_it_was_damaged(volume: Volume, tmp_path: Path) -> None:
    _publish(volume, tmp_path)
    volume.save_state(_STATE)
    _damage(volume)
    volume.save_state(recover_state(volume))
    assert not recover_state(volume).model("cars").stored[1].trusted


def test_a_damaged_folder_that_never_answered_is_not_listed(volume: Volume, tmp_path: Path) -> None:
    _publish(volume, tmp_path)
    volume.save_state(State({"cars": ModelState({1: _VERSION}, configured=(1,), last_local_version=1)}))
    _damage(volume)
    assert recover_state(volume).model("cars").configured == ()


def test_a_file_that_is_missing_or_too_many_is_damage(volume: Volume, tmp_path: Path) -> None:
    _publish(volume, tmp_path)
    volume.save_state(_STATE)
    folder = volume.version_folder("cars", 1)
    (folder / "more.bin").write_text("?")
    assert not recover_state(volume).model("cars").stored[1].trusted
    (folder / "more.bin").unlink()
    (folder / "model.onnx").unlink()
    assert recover_state(volume).model("cars").stored[1].files == ()


def test_a_lost_state_is_rebuilt_from_what_config_json_lists(volume: Volume, tmp_path: Path) -> None:
    _publish(volume, tmp_path)
    volume.save_config(format_config(_STATE, volume.root))
    recovered = recover_state(volume).model("cars")
    assert (recovered.configured, recovered.last_local_version) == ((1,), 1)
    assert recovered.stored[1].files[0].path == "model.onnx"


def test_folders_that_a_person_may_have_put_there_are_not_adopted(volume: Volume, tmp_path: Path) -> None:
    _publish(volume, tmp_path, 7)
    assert recover_state(volume) == State()


def test_folders_that_can_only_be_ours_are_adopted_and_not_listed(volume: Volume, tmp_path: Path) -> None:
    volume.claim()
    _publish(volume, tmp_path, 7)
    recovered = recover_state(volume).model("cars")
    assert (tuple(recovered.stored), recovered.configured, recovered.last_local_version) == ((7,), (), 7)


def test_an_unreadable_state_is_kept_for_a_person(volume: Volume, tmp_path: Path) -> None:
    _publish(volume, tmp_path)
    volume.save_config(format_config(_STATE, volume.root))
    (volume.root / ".model-sync" / "state.json").write_text("half a st")
    assert recover_state(volume).model("cars").configured == (1,)
    assert (volume.root / ".model-sync" / "state.json.unreadable").read_text() == "half a st"


def test_a_record_that_leads_out_of_the_volume_is_not_followed(volume: Volume, tmp_path: Path) -> None:
    _publish(volume, tmp_path)
    outside = tmp_path / "outside" / "1"
    outside.mkdir(parents=True)
    strange = {"../outside": _STATE.model("cars"), "cars": _STATE.model("cars")}
    volume.save_state(State(strange))
    assert set(recover_state(volume).models) == {"cars"}
    elsewhere = replace(_VERSION, bucket_version="../../../outside")
    volume.save_state(State({"cars": ModelState({1: elsewhere}, configured=(1,), confirmed=(1,))}))
    assert recover_state(volume) == State()
    assert outside.is_dir()


def test_other_bytes_of_the_same_size_are_found_before_a_version_is_copied(
    volume: Volume, tmp_path: Path
) -> None:
    _publish(volume, tmp_path)
    digest = hashlib.sha256(b"x").hexdigest()
    version = replace(_VERSION, files=(StoredFile("model.onnx", 1, digest),))
    model = _STATE.model("cars").with_stored(version)
    assert harm_found(volume, "cars", model, 1) is None
    (volume.version_folder("cars", 1) / "model.onnx").write_text("y")
    harmed = harm_found(volume, "cars", model, 1)
    assert harmed is not None
    assert harmed.stored[1].harmed
    assert harmed.configured == (1,), "the server answers from what it has loaded"
