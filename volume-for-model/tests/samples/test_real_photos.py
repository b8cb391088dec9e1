"""Do the models recognise real photos? Asserted where the label is beyond doubt."""

from collections.abc import Callable
from pathlib import Path

import pytest
from car_models.evaluating.classifier import Classifier
from car_models.evaluating.pictures import read_rgb
from car_models.samples.recipes import RECIPES, STRETCH

LITE0, LITE2 = (recipe.model for recipe in RECIPES)


SHOWN = {
    "photo-fire-engine.jpg": "fire engine",
    "photo-garbage-truck.jpg": "garbage truck",
    "photo-bus.jpg": "minibus",
    "photo-pickup.jpg": "pickup",
    "photo-airliner.jpg": "not a vehicle",
    "photo-bear.jpg": "not a vehicle",
}


@pytest.mark.parametrize("model", [LITE0, LITE2])
@pytest.mark.parametrize(("photo", "shown"), SHOWN.items())
def test_a_photo_is_recognised_and_surely_enough(
    pictures: Path, classifier: Callable[[str], Classifier], model: str, photo: str, shown: str
) -> None:
    best = classifier(model).classify(read_rgb(pictures / photo))[0]
    assert best.label == shown
    assert best.probability > classifier(model).card.limits.min_probability


@pytest.mark.parametrize(("photo", "shown"), SHOWN.items())
def test_a_server_that_stretches_jpegs_gets_the_same_answer_from_the_ir(
    pictures: Path, classifier: Callable[[str], Classifier], photo: str, shown: str
) -> None:
    assert classifier(LITE2).classify(read_rgb(pictures / photo), STRETCH)[0].label == shown


@pytest.mark.parametrize("model", [LITE0, LITE2])
@pytest.mark.parametrize("photo", SHOWN)
def test_the_sharp_variant_agrees_with_the_plain_one(
    models: Path, pictures: Path, classifier: Callable[[str], Classifier], model: str, photo: str
) -> None:
    picture = read_rgb(pictures / photo)
    sharp = Classifier(models / model / "2")
    assert sharp.classify(picture)[0].label == classifier(model).classify(picture)[0].label
