from pathlib import Path

import cv2
import numpy as np
import pytest
from car_models.samples.pictures.canvas import HEIGHT, WIDTH
from car_models.samples.pictures.drawn import DRAWINGS
from car_models.samples.vehicles import LABELS

_CHARTS_PICTURES = Path(__file__).parents[4] / "helm-chart/edge-ai-car-classification/files/pictures"


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
