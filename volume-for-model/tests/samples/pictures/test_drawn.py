import numpy as np
import pytest
from car_models.samples.pictures.canvas import HEIGHT, WIDTH
from car_models.samples.pictures.drawn import DRAWINGS
from car_models.samples.vehicles import LABELS


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_is_the_same_each_time(name: str) -> None:
    _label, draw = DRAWINGS[name]
    first = draw()
    assert first.shape == (HEIGHT, WIDTH, 3)
    np.testing.assert_array_equal(first, draw())


def test_every_drawing_shows_something_that_the_models_know() -> None:
    assert {label for label, _draw in DRAWINGS.values()} <= set(LABELS)
