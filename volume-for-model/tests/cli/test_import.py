"""The commands around one's own models, as typed."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from car_models.samples.recipes import RECIPES
from small_classifiers import LABELS, colour_network, write_onnx

from .conftest import CarModels

LITE0, LITE2 = (recipe.model for recipe in RECIPES)

KNOWN = ("--labels", ",".join(LABELS), "--preset", "pixels")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_onnx(tmp_path / "net.onnx", colour_network())


@pytest.fixture
def coloured(tmp_path: Path) -> Path:
    """Plain pictures in folders that are called as their colour."""
    for name, bgr in (("red", (0, 0, 200)), ("green", (0, 200, 0)), ("blue", (200, 0, 0))):
        (tmp_path / "coloured" / name).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "coloured" / name / "plain.png"), np.full((20, 20, 3), bgr, np.uint8))
    return tmp_path / "coloured"


def test_import_says_what_it_wrote(tmp_path: Path, source: Path, car_models: CarModels) -> None:
    done = car_models("import", source, "--name", "colours", "--out", tmp_path / "models", *KNOWN)
    assert done.returncode == 0, done.stderr
    note, said = done.stdout.splitlines(keepends=True)
    assert note.startswith("note: raw scores: a softmax over all classes makes probabilities of them; ")
    assert said.startswith(f"{tmp_path}/models/colours/1: fp32, ")
    assert done.stdout.endswith("; the sidecar would serve it\n")


def test_import_as_json(tmp_path: Path, source: Path, car_models: CarModels) -> None:
    arguments = ("--out", tmp_path / "models", "--mean", "1,2,3", "--resize", "crop:0.9:cubic", *KNOWN)
    done = car_models("import", source, "--name", "colours", "--version", "4", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["model"], report["version"], report["precision"]) == ("colours", 4, "fp32")
    assert report["card"]["input"]["mean"] == [1, 2, 3]
    assert report["card"]["input"]["resize"] == {"mode": "crop", "fraction": 0.9, "interpolation": "cubic"}
    assert Path(report["folder"], "model.xml").is_file()


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("--labels", "a,b", "--preset", "pixels"), "there are 2 labels, but the model gives 3 values"),
        (("--labels", "red,green,blue"), "nothing says how a picture becomes this model's input"),
        (("--labels", "absent.txt", "--preset", "pixels"), "there is no labels file 'absent.txt'"),
        (("--labels", "a,,b", "--preset", "pixels"), "has an empty label"),
        ((*KNOWN, "--size", "8"), ""),
        ((*KNOWN, "--size", "8by8"), "'8by8' is no size"),
        ((*KNOWN, "--size", "9x9"), "takes pictures of 8x8 pixels, not 9x9"),
        ((*KNOWN, "--mean", "1,2"), "--mean '1,2' is not one number, nor three"),
        ((*KNOWN, "--resize", "squash"), "--resize 'squash' is not MODE"),
        (
            ("--labels", "red,green,blue", "--preset", "vgg"),
            "there is no preset 'vgg'; choose one of imagenet",
        ),
        ((*KNOWN, "--card", "absent.yaml"), "there is no card absent.yaml"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_exit_code_65(
    tmp_path: Path, source: Path, car_models: CarModels, flags: tuple[str, ...], sentence: str
) -> None:
    done = car_models("import", source, "--name", "colours", "--out", tmp_path / "models", *flags)
    assert done.returncode == (65 if sentence else 0), done.stderr
    assert done.stderr.count("\n") == (1 if sentence else 0)
    assert sentence in done.stderr


def test_a_card_brings_its_labels_and_its_sample(tmp_path: Path, models: Path, car_models: CarModels) -> None:
    card = models / LITE0 / "1" / "model.yaml"
    done = car_models(
        *(
            "import",
            card.with_name("model.onnx"),
            "--name",
            "again",
            "--out",
            tmp_path,
            "--card",
            card,
            "--json",
        )
    )
    assert done.returncode == 0, done.stderr
    folder = Path(json.loads(done.stdout)["folder"])
    assert (folder / "labels.txt").read_bytes() == card.with_name("labels.txt").read_bytes()
    assert (folder / "sample.jpg").read_bytes() == card.with_name("sample.jpg").read_bytes()
    assert "label: fire engine" in (folder / "model.yaml").read_text()


def test_card_shows_what_holds(models: Path, car_models: CarModels) -> None:
    done = car_models("card", models / LITE0 / "1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith((models / LITE0 / "1" / "model.yaml").read_text())
    shown = json.loads(car_models("card", models / LITE2 / "1", "--json").stdout)
    assert len(shown["output"]["labels"]) == 29


def test_card_writes_one_beside_a_model_without(tmp_path: Path, source: Path, car_models: CarModels) -> None:
    folder = tmp_path / "colours" / "1"
    folder.mkdir(parents=True)
    source.rename(folder / "model.onnx")
    done = car_models("card", folder)
    assert (done.returncode, "has no model.yaml" in done.stderr) == (65, True)
    done = car_models("card", folder, "--write", *KNOWN)
    assert done.returncode == 0, done.stderr
    assert car_models("check", folder).returncode == 0


def test_card_refuses_one_that_does_not_fit_the_model(
    tmp_path: Path, source: Path, car_models: CarModels
) -> None:
    folder = tmp_path / "colours" / "1"
    folder.mkdir(parents=True)
    source.rename(folder / "model.onnx")
    (folder / "model.yaml").write_text("{schema: 1, output: {labels: [red, green]}}")
    done = car_models("card", folder)
    assert (done.returncode, done.stderr.count("\n")) == (65, 1)
    assert "the card has 2 labels, but the model gives 3 values" in done.stderr


def test_evaluate_draws_and_counts_per_class(
    tmp_path: Path, source: Path, coloured: Path, car_models: CarModels
) -> None:
    car_models("import", source, "--name", "colours", "--out", tmp_path / "models", *KNOWN)
    picture = tmp_path / "confusion.png"
    done = car_models(
        *("evaluate", tmp_path / "models" / "colours", "--pictures", coloured, "--seconds", "0"),
        *("--per-class", "--confusion", picture),
    )
    assert done.returncode == 0, done.stderr
    assert "class (colours/1)" in done.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_compare_shows_where_two_versions_differ(
    tmp_path: Path, source: Path, coloured: Path, car_models: CarModels
) -> None:
    models, plot = tmp_path / "models", tmp_path / "compare.png"
    car_models("import", source, "--name", "colours", "--out", models, *KNOWN)
    car_models("import", source, "--name", "colours", "--out", models, *KNOWN, "--color", "BGR")
    versions = (models / "colours" / "1", models / "colours" / "2")
    done = car_models("compare", *versions, "--pictures", coloured, "--seconds", "0", "--plot", plot)
    assert done.returncode == 0, done.stderr
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in done.stdout.splitlines() if "|" in row]
    assert rows[0] == ["", "colours/1", "colours/2"]
    assert ["top-1", "100.0 %", "33.3 %"] in rows
    assert [row[0] for row in rows if "(wrong)" in row[-1]] == ["blue/plain.png", "red/plain.png"]
    assert plot.read_bytes().startswith(b"\x89PNG")
    done = car_models("compare", *versions, "--pictures", coloured, "--seconds", "0", "--json")
    assert json.loads(done.stdout)["agreement"] == pytest.approx(1 / 3)


def test_push_without_a_store_says_what_to_set(
    models: Path, car_models: CarModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_SYNC_S3_ENDPOINT", "not an address")
    done = car_models("push", models / LITE0 / "1")
    assert done.returncode == 78
    assert done.stderr.count("\n") == 1
