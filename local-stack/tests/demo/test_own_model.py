from pathlib import Path

import pytest
from edge_common.errors import RejectedError
from edge_stack.demo.own_model import OwnModel, alike
from edge_stack.report.facts import Prediction


def answer(*classes: tuple[str, float]) -> tuple[Prediction, ...]:
    return tuple(Prediction(label=label, probability=probability) for label, probability in classes)


def test_a_file_is_called_after_itself_as_the_bucket_allows() -> None:
    assert OwnModel(Path("weights/B0 cars (2).pth")).name == "B0_cars__2_"
    assert OwnModel(Path("weights/_.onnx")).name == "own_model"


def test_a_folder_in_the_buckets_layout_gives_its_highest_version(tmp_path: Path) -> None:
    for version in ("2", "10", "latest"):
        (tmp_path / "cars" / version).mkdir(parents=True)
    own = OwnModel(tmp_path / "cars")
    assert (own.name, own.version_folder) == ("cars", tmp_path / "cars" / "10")
    one = OwnModel(tmp_path / "cars" / "2")
    assert (one.name, one.version_folder) == ("cars", tmp_path / "cars" / "2")


def test_a_saved_model_folder_is_a_file_to_import(tmp_path: Path) -> None:
    (tmp_path / "exported").mkdir()
    (tmp_path / "exported" / "saved_model.pb").write_bytes(b"")
    own = OwnModel(tmp_path / "exported")
    assert (own.name, own.version_folder) == ("exported", None)


def test_the_name_of_a_sample_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RejectedError, match="rename it"):
        _ = OwnModel(tmp_path / "effnet_lite0_car_onnx.pth").name


def test_answers_are_alike_when_only_rounding_tells_them_apart() -> None:
    sure = answer(("audi", 0.90), ("bmw", 0.10))
    assert alike(sure, answer(("audi", 0.91), ("bmw", 0.09)))
    assert not alike(sure, answer(("audi", 0.60), ("bmw", 0.40)))
    assert not alike(sure, answer(("bmw", 0.90), ("audi", 0.10)))
    assert alike(answer(("audi", 0.41), ("bmw", 0.40)), answer(("bmw", 0.41), ("audi", 0.40)))
