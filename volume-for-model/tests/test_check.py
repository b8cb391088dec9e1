import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from car_models.check import check_model
from car_models.packaging.version_files import truncated, with_sums, write_version
from car_models.samples.build import build_files
from car_models.samples.recipes import RECIPES, Variant, recipe_named
from edge_common.errors import RejectedError

LITE0, LITE2 = (recipe.model for recipe in RECIPES)


@pytest.fixture
def uploaded(models: Path, tmp_path: Path) -> Callable[[str], Path]:
    """A copy of version 1 of a model, to be spoilt."""

    def copy(model: str) -> Path:
        shutil.copytree(models / model / "1", tmp_path / model / "1")
        return tmp_path / model

    return copy


def problem(folder: Path) -> str:
    (verdict,) = check_model(folder)
    assert verdict.problem is not None
    return verdict.problem


@pytest.mark.parametrize("model", [LITE0, LITE2])
def test_every_built_version_would_be_served(models: Path, model: str) -> None:
    verdicts = check_model(models / model)
    assert [(v.model, v.version, v.problem) for v in verdicts] == [(model, "1", None), (model, "2", None)]
    assert all(verdict.bytes > 8_000_000 for verdict in verdicts)


def test_a_single_version_can_be_checked(models: Path) -> None:
    assert [verdict.version for verdict in check_model(models / LITE2 / "2")] == ["2"]


@pytest.mark.parametrize("model", [LITE0, LITE2])
def test_a_broken_build_is_rejected_by_the_trial_load(tmp_path: Path, model: str) -> None:
    files = with_sums(truncated(build_files(recipe_named(model), Variant.SHARP)))
    write_version(tmp_path, model, 3, files)
    assert "OpenVINO cannot load it" in problem(tmp_path / model)


def test_a_damaged_file_is_told_by_its_digest(uploaded: Callable[[str], Path]) -> None:
    folder = uploaded(LITE2)
    with (folder / "1" / "model.bin").open("r+b") as file:
        file.write(b"\0\0\0\0")
    assert "model.bin does not have the digest" in problem(folder)


def test_a_missing_partner_file_is_named(uploaded: Callable[[str], Path]) -> None:
    folder = uploaded(LITE2)
    (folder / "1" / "SHA256SUMS").unlink()
    (folder / "1" / "model.bin").unlink()
    assert problem(folder) == "waiting for model.bin, named by model.xml"


def test_a_file_that_only_the_sums_know_is_named(uploaded: Callable[[str], Path]) -> None:
    folder = uploaded(LITE0)
    (folder / "1" / "labels.txt").unlink()
    assert problem(folder) == "waiting for labels.txt, named by SHA256SUMS"


def test_a_misspelt_key_in_the_card_is_named(uploaded: Callable[[str], Path]) -> None:
    folder = uploaded(LITE0)
    (folder / "1" / "SHA256SUMS").unlink()
    card = folder / "1" / "model.yaml"
    card.write_text(card.read_text().replace("resize:", "resise:"))
    assert "unknown key 'input.resise'" in problem(folder)


def test_a_bad_card_beside_the_versions_concerns_those_without_their_own(
    uploaded: Callable[[str], Path],
) -> None:
    folder = uploaded(LITE0)
    (folder / "model.yaml").write_text("schema: 7\n")
    assert check_model(folder)[0].problem is None
    (folder / "1" / "SHA256SUMS").unlink()
    (folder / "1" / "model.yaml").unlink()
    assert problem(folder).startswith("model.yaml: schema")


def test_labels_that_do_not_fit_the_model_are_counted(uploaded: Callable[[str], Path]) -> None:
    folder = uploaded(LITE0)
    (folder / "1" / "SHA256SUMS").unlink()
    (folder / "1" / "labels.txt").write_text("fire engine\nno car\n")
    assert "2 labels, but the model gives 29 values" in problem(folder)


def test_a_version_with_another_name_gets_advice(uploaded: Callable[[str], Path]) -> None:
    folder = uploaded(LITE0)
    (folder / "1").rename(folder / "v1")
    assert problem(folder) == (
        "'v1' is not a version number; rename the folder to a whole number such as 1, or latest"
    )


def test_a_folder_without_versions_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"")
    with pytest.raises(RejectedError, match=r"put the files into <model>/<version>/"):
        check_model(tmp_path)


def test_a_name_that_no_model_can_have_gets_advice(models: Path, tmp_path: Path) -> None:
    shutil.copytree(models / LITE2 / "1", tmp_path / "my car" / "1")
    with pytest.raises(RejectedError, match="'my car' cannot be a model's name"):
        check_model(tmp_path / "my car")


def test_a_check_leaves_the_folder_as_it_was(uploaded: Callable[[str], Path]) -> None:
    folder = uploaded(LITE2)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    (verdict,) = check_model(folder)
    assert (verdict.version, verdict.problem) == ("1", None)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
