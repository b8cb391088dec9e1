"""Quantising with nncf, the extra `int8`."""

import subprocess
import sys
from pathlib import Path

import pytest
from car_models.evaluating.classifier import Classifier
from car_models.evaluating.evaluation import evaluate
from car_models.evaluating.pictures import read_labelled_pictures
from car_models.samples.recipes import RECIPES

from .conftest import CarModels

LITE0, LITE2 = (recipe.model for recipe in RECIPES)

pytestmark = [pytest.mark.int8, pytest.mark.filterwarnings("ignore::DeprecationWarning")]  # nncf's own


def test_int8_is_smaller_as_often_right_and_says_what_changed(
    models: Path, pictures: Path, tmp_path: Path, car_models: CarModels
) -> None:
    source = models / LITE0 / "1"
    card = (
        "--card",
        source / "model.yaml",
        "--sample",
        source / "sample.jpg",
        "--sample-label",
        "fire engine",
    )
    done = car_models(
        *("import", source / "model.onnx", "--name", "small", "--out", tmp_path, *card, "--seconds", "0.2"),
        *("--precision", "int8", "--calibrate", pictures, "--embed-preprocessing"),
    )
    assert done.returncode == 0, done.stderr
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in done.stdout.splitlines() if "|" in row]
    before, after = Path(str(rows[0][1])), rows[0][2]
    assert (before.name, after) == ("1", "small/1")
    assert {"top-1", "latency ms", "images/s", "size", "same answer"} <= {row[0] for row in rows}
    small = Classifier(tmp_path / "small" / "1")
    assert small.bytes < 0.35 * Classifier(source).bytes
    assert evaluate(small, read_labelled_pictures(pictures)).right >= 11


def test_nncf_reports_nothing_to_anybody() -> None:
    code = (
        "import sys, threading\n"
        "from car_models.importing.quantise import _nncf\n"
        "_nncf()\n"
        "print([n for n in sys.modules if n.startswith('openvino_telemetry.')], threading.active_count())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "[] 1\n", done.stderr
