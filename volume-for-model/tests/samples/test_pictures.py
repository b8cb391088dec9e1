import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from car_models.evaluating.classifier import Classifier
from car_models.evaluating.pictures import read_list, read_rgb
from car_models.samples.canvas import HEIGHT, WIDTH
from car_models.samples.pictures import DRAWINGS, write_collection
from car_models.samples.recipes import LABELS, RECIPES

LITE0, LITE2 = (recipe.model for recipe in RECIPES)
_CHARTS_PICTURES = Path(__file__).parents[3] / "helm-chart/edge-ai-car-classification/files/pictures"


def test_every_listed_picture_exists_and_says_where_it_is_from(pictures: Path) -> None:
    for entry in read_list(pictures):
        assert read_rgb(pictures / entry.file).shape == (480, 640, 3)
        assert entry.expected in LABELS
        assert entry.source
        assert entry.licence in {"GPL-2", "that of this project"}


def test_recognised_by_names_exactly_the_models_that_are_right(
    pictures: Path, classifier: Callable[[str], Classifier]
) -> None:
    for entry in read_list(pictures):
        right = tuple(
            name
            for name in (LITE0, LITE2)
            if classifier(name).classify(read_rgb(pictures / entry.file))[0].label == entry.expected
        )
        assert entry.recognised_by == right, entry.file


def test_without_photos_both_models_still_recognise_four_pictures(
    tmp_path: Path, classifier: Callable[[str], Classifier]
) -> None:
    entries = write_collection(tmp_path, None, [classifier(LITE0), classifier(LITE2)])
    both = [entry for entry in entries if entry.recognised_by == (LITE0, LITE2)]
    assert len(both) >= 4
    assert len({entry.expected for entry in both}) >= 4


def test_writing_again_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("first", "second"):
        write_collection(tmp_path / name, None, [])
    first, second = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("first", "second")
    )
    assert first == second


def test_the_list_is_json_for_other_programs(pictures: Path) -> None:
    listing = json.loads((pictures / "pictures.json").read_text())
    assert set(listing["pictures"][0]) == {"file", "expected", "source", "licence", "recognised_by"}


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_is_the_same_each_time(name: str) -> None:
    _label, draw = DRAWINGS[name]
    first = draw()
    assert first.shape == (HEIGHT, WIDTH, 3)
    np.testing.assert_array_equal(first, draw())
    charts = cv2.imread(str(_CHARTS_PICTURES / f"{name.removeprefix('drawn-')}.jpg"))
    assert charts is not None
    small = cv2.resize(first, charts.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert cv2.absdiff(small, charts).mean() < 5, "the chart's sample camera shows it in these colours"


def test_every_drawing_shows_something_that_the_models_know() -> None:
    assert {label for label, _draw in DRAWINGS.values()} <= set(LABELS)
