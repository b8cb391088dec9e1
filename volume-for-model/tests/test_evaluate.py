from collections.abc import Callable
from pathlib import Path

import pytest
from car_models.classifier import Classifier
from car_models.evaluate import evaluate, version_folder
from car_models.recipes import CROP, STRETCH
from edge_common.errors import RejectedError

from .conftest import LITE0, LITE2


def test_counts_what_is_right_per_model(pictures: Path, classifier: Callable[[str], Classifier]) -> None:
    entries, (lite0, lite2) = evaluate([classifier(LITE0), classifier(LITE2)], pictures)
    for evaluation in (lite0, lite2):
        right = [best.label == e.expected for best, e in zip(evaluation.top, entries, strict=True)]
        assert evaluation.right == sum(right)
    assert (lite0.model, lite2.model) == (LITE0, LITE2)


def test_each_card_has_the_resize_that_is_right_most_often(
    pictures: Path, classifier: Callable[[str], Classifier]
) -> None:
    models = [classifier(LITE0), classifier(LITE2)]
    by_card, cropped, stretched = (
        [evaluation.right for evaluation in evaluate(models, pictures, resize)[1]]
        for resize in (None, CROP, STRETCH)
    )
    assert by_card == [max(pair) for pair in zip(cropped, stretched, strict=True)]


def test_the_highest_version_of_a_model_folder_is_meant(tmp_path: Path) -> None:
    for name in ("2", "10", "latest", "v11"):
        (tmp_path / name).mkdir()
    assert version_folder(tmp_path) == tmp_path / "10"
    assert version_folder(tmp_path / "2") == tmp_path / "2"


def test_a_folder_without_versions_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(RejectedError, match="no numbered version"):
        version_folder(tmp_path)
