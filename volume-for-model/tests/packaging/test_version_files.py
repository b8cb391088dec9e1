import hashlib
import subprocess
from pathlib import Path

import pytest
from car_models.packaging.version_files import highest_version, truncated, with_sums, write_version
from car_models.samples.recipes import RECIPES
from edge_common.errors import RejectedError

LITE0, LITE2 = (recipe.model for recipe in RECIPES)


FILES = {"model.onnx": b"weights" * 10, "model.yaml": b"schema: 1\n"}


@pytest.mark.parametrize("model", [LITE0, LITE2])
@pytest.mark.parametrize("version", ["1", "2"])
def test_sha256sum_accepts_every_built_version(models: Path, model: str, version: str) -> None:
    check = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    done = subprocess.run(check, cwd=models / model / version, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_sums_cover_every_file_and_are_sorted() -> None:
    lines = with_sums(FILES)["SHA256SUMS"].decode().splitlines()
    assert lines == [f"{hashlib.sha256(FILES[name]).hexdigest()}  {name}" for name in sorted(FILES)]


def test_a_version_appears_where_the_bucket_wants_it(tmp_path: Path) -> None:
    folder = write_version(tmp_path, "car", 3, FILES)
    assert folder == tmp_path / "car" / "3"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == FILES
    assert [path.name for path in tmp_path.iterdir()] == ["car"]


def test_a_version_that_is_there_is_replaced_as_a_whole(tmp_path: Path) -> None:
    write_version(tmp_path, "car", 1, {"old.onnx": b"old"})
    folder = write_version(tmp_path, "car", 1, FILES)
    assert {path.name for path in folder.iterdir()} == set(FILES)


def test_other_versions_are_left_alone(tmp_path: Path) -> None:
    first = write_version(tmp_path, "car", 1, FILES)
    write_version(tmp_path, "car", 2, {"model.onnx": b"second"})
    assert (first / "model.onnx").read_bytes() == FILES["model.onnx"]


def test_what_an_interrupted_build_left_does_not_get_into_the_next(tmp_path: Path) -> None:
    left = tmp_path / ".staging" / "car-1"
    left.mkdir(parents=True)
    (left / "half.onnx").write_bytes(b"half")
    assert {path.name for path in write_version(tmp_path, "car", 1, FILES).iterdir()} == set(FILES)


def test_truncated_cuts_the_largest_file_in_half_and_leaves_the_others() -> None:
    broken = truncated(FILES)
    assert broken["model.onnx"] == FILES["model.onnx"][:35]
    assert broken["model.yaml"] == FILES["model.yaml"]


def test_the_highest_version_of_a_model_folder_is_meant(tmp_path: Path) -> None:
    for name in ("2", "10", "latest", "v11"):
        (tmp_path / name).mkdir()
    assert highest_version(tmp_path) == tmp_path / "10"
    assert highest_version(tmp_path / "2") == tmp_path / "2"


def test_a_folder_without_versions_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(RejectedError, match="no numbered version"):
        highest_version(tmp_path)
