import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
import pytest
from car_models.evaluating.classifier import Classifier
from car_models.samples.recipes import RECIPES
from edge_common.errors import RejectedError

from .conftest import CarModels

LITE0, LITE2 = (recipe.model for recipe in RECIPES)


def test_the_installed_command_runs() -> None:
    command = [str(Path(sys.executable).with_name("car-models")), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(
        name in done.stdout
        for name in ("build", "import", "check", "pictures", "evaluate", "compare", "card", "push")
    )


def test_it_says_its_version_and_offers_completion(car_models: CarModels) -> None:
    assert car_models("--version").stdout == f"car-models {version('edgeai-cars-models')}\n"
    assert "--install-completion" in car_models("--help").stdout


def test_help_and_completion_do_not_wait_for_the_libraries_of_models() -> None:
    slow = ("openvino", "onnx", "cv2", "numpy", "matplotlib", "mlflow", "minio")
    code = f"import sys, car_models.cli; print([name for name in {slow} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize(
    "command", ["build", "import", "check", "pictures", "evaluate", "compare", "card", "push"]
)
def test_help_has_examples(command: str, car_models: CarModels) -> None:
    done = car_models(command, "--help")
    assert done.returncode == 0
    assert f"car-models {command} " in done.stdout.split("Examples:")[1]


def test_build_writes_the_models_that_the_library_builds(
    tmp_path: Path, models: Path, car_models: CarModels
) -> None:
    done = car_models("build", "--out", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert [(entry["model"], entry["version"]) for entry in report["built"]] == [(LITE0, 1), (LITE2, 1)]
    for entry in report["built"]:
        sums = Path(entry["folder"], "SHA256SUMS").read_bytes()
        assert sums == (models / entry["model"] / "1" / "SHA256SUMS").read_bytes()


def test_a_second_version_is_the_sharp_variant(tmp_path: Path, models: Path, car_models: CarModels) -> None:
    done = car_models("build", "--out", tmp_path, "--only", LITE0, "--version", "2")
    assert done.returncode == 0, done.stderr
    built = (tmp_path / LITE0 / "2" / "SHA256SUMS").read_bytes()
    assert built == (models / LITE0 / "2" / "SHA256SUMS").read_bytes()
    assert not (tmp_path / LITE2).exists()


@pytest.mark.parametrize("model", [LITE0, LITE2])
def test_a_broken_version_passes_its_checksums_and_cannot_be_loaded(
    tmp_path: Path, model: str, car_models: CarModels
) -> None:
    done = car_models("build", "--out", tmp_path, "--only", model, "--version", "3", "--broken")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / model / "3"
    sums = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=folder, capture_output=True, check=False)
    assert sums.returncode == 0
    with pytest.raises(RejectedError, match="cannot be loaded"):
        Classifier(folder)


def test_an_unknown_model_ends_with_one_sentence_that_names_the_known_ones(
    tmp_path: Path, car_models: CarModels
) -> None:
    done = car_models("build", "--out", tmp_path, "--only", "resnet")
    assert done.returncode == RejectedError.exit_code
    assert done.stderr.count("\n") == 1
    assert LITE0 in done.stderr
    assert LITE2 in done.stderr


def test_a_folder_that_cannot_be_written_ends_with_one_sentence(
    tmp_path: Path, car_models: CarModels
) -> None:
    (tmp_path / "file").write_text("")
    done = car_models("build", "--out", tmp_path / "file", "--only", LITE0)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_check_ends_with_0_for_what_would_be_served_and_65_for_what_would_not(
    models: Path, tmp_path: Path, car_models: CarModels
) -> None:
    done = car_models("check", models / LITE2 / "1")
    assert (done.returncode, done.stdout.count("would be served")) == (0, 1), done.stderr
    (tmp_path / "car" / "v1").mkdir(parents=True)
    (tmp_path / "car" / "v1" / "model.onnx").write_bytes(b"")
    done = car_models("check", tmp_path / "car", "--json")
    assert done.returncode == RejectedError.exit_code
    (verdict,) = json.loads(done.stdout)["versions"]
    assert verdict["version"] == "v1"
    assert "not a version number" in verdict["problem"]


def test_pictures_without_photos_need_no_network(tmp_path: Path, car_models: CarModels) -> None:
    done = car_models("pictures", "--out", tmp_path, "--photos", "none", "--json")
    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stdout)["pictures"]
    assert listed == json.loads((tmp_path / "pictures.json").read_text())["pictures"]
    assert all(entry["recognised_by"] == [LITE0, LITE2] for entry in listed)


def test_evaluate_prints_a_markdown_table_and_the_count(
    models: Path, pictures: Path, car_models: CarModels
) -> None:
    done = car_models("evaluate", models / LITE0 / "1", models / LITE2 / "1", "--pictures", pictures)
    assert done.returncode == 0, done.stderr
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.strip().splitlines()]
    assert rows[0] == ["picture", "shows", LITE0, LITE2]
    assert rows[15] == ["right", "of 13", "13", "11"]
    assert [row[:5] for row in rows[-2:]] == [
        [LITE0, "1", "13", "100.0 %", "100.0 %"],
        [LITE2, "1", "13", "84.6 %", "100.0 %"],
    ]


def test_evaluate_as_json_has_one_entry_per_model_and_picture(
    models: Path, pictures: Path, car_models: CarModels
) -> None:
    done = car_models("evaluate", models / LITE0, "--pictures", pictures, "--resize", "stretch", "--json")
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)["models"]
    assert result["of"] == len(result["pictures"]) == 13
    assert result["right"] == sum(p["label"] == p["expected"] for p in result["pictures"])


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "absent"),
        ("card", "absent"),
        ("card", "absent/1"),
        ("evaluate", "absent", "--pictures", "."),
        ("compare", "absent/1", "absent/2", "--pictures", "."),
    ],
)
def test_a_folder_that_is_not_there_is_said(
    car_models: CarModels, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((9, 9, 3), np.uint8))
    done = car_models(*(str(tmp_path) if each == "." else each for each in arguments))
    assert (done.returncode, done.stderr.count("\n")) == (65, 1)
    assert "there is no folder absent" in done.stderr
