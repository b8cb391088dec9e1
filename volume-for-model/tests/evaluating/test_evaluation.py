from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from car_models.evaluating.classifier import Classifier, Prediction, Speed
from car_models.evaluating.evaluation import Answer, Comparison, Evaluation, compare, evaluate
from car_models.evaluating.pictures import read_labelled_pictures
from car_models.evaluating.plots import comparison_figure, confusion_figure, write_figure
from car_models.samples.recipes import CROP, RECIPES, STRETCH
from edge_common.errors import RejectedError

LITE0, LITE2 = (recipe.model for recipe in RECIPES)


def answer(file: str, expected: str | None, *said: str) -> Answer:
    return Answer(file, expected, tuple(Prediction(label, 1 / (n + 2)) for n, label in enumerate(said)))


MIXED = Evaluation(
    "cars",
    "3",
    2**20,
    (
        answer("a", "audi", "audi", "bmw"),
        answer("b", "audi", "bmw", "audi"),
        answer("c", "bmw", "bmw"),
        answer("d", "fiat", "bmw"),
        answer("e", None, "fiat"),
    ),
    Speed(2.0, 700.0, 2.8),
)


def test_shares_are_of_the_pictures_whose_label_is_known() -> None:
    assert (MIXED.right, MIXED.top1, MIXED.top5) == (2, 0.5, 0.75)


def test_each_class_has_its_recall_and_precision() -> None:
    audi, bmw, fiat = MIXED.classes()
    assert (audi.label, audi.recall, audi.precision) == ("audi", 0.5, 1.0)
    assert (bmw.label, bmw.recall, bmw.precision) == ("bmw", 1.0, 1 / 3)
    assert (fiat.label, fiat.recall, fiat.precision) == ("fiat", 0.0, None)


def test_confusion_counts_what_is_shown_against_what_is_said() -> None:
    labels, counts = MIXED.confusion()
    assert labels == ("audi", "bmw", "fiat")
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [0, 1, 0]]


def test_metrics_are_plain_figures_and_unknown_ones_are_absent() -> None:
    assert MIXED.metrics() == {
        "pictures": 5,
        "top1": 0.5,
        "top5": 0.75,
        "model_bytes": 2**20,
        "latency_ms": 2,
        "images_per_second": 700,
        "processor_ms": 2.8,
    }
    unknown = Evaluation("cars", "3", 1, (answer("e", None, "fiat"),))
    assert unknown.metrics() == {"pictures": 1, "model_bytes": 1}


def test_a_comparison_names_the_pictures_that_get_different_answers() -> None:
    other = Evaluation("cars", "4", 2**19, (answer("a", "audi", "bmw"), *MIXED.answers[1:]))
    comparison = Comparison(MIXED, other)
    assert [first.file for first, _ in comparison.differences] == ["a"]
    assert comparison.agreement == 0.8


def test_the_figures_are_pictures(tmp_path: Path) -> None:
    for name, figure in (
        ("confusion", confusion_figure(MIXED)),
        ("comparison", comparison_figure(Comparison(MIXED, MIXED))),
    ):
        write_figure(figure, tmp_path / f"{name}.png")
        drawn = cv2.imread(str(tmp_path / f"{name}.png"))
        assert drawn is not None
        assert drawn.std() > 10
    assert {path.name for path in tmp_path.iterdir()} == {"confusion.png", "comparison.png"}


def test_a_confusion_of_very_many_classes_shows_those_that_are_mixed_up() -> None:
    answers = [answer(f"p{n}", f"type {n:03}", f"type {n:03}") for n in range(196)]
    answers[150] = answer("p150", "type 150", "type 151")
    (axes,) = confusion_figure(Evaluation("cars", "1", 1, tuple(answers))).axes
    shown = [label.get_text() for label in axes.get_yticklabels()]
    assert len(shown) == 40
    assert {"type 150", "type 151"} <= set(shown)


def test_counts_what_is_right(pictures: Path, classifier: Callable[[str], Classifier]) -> None:
    evaluation = evaluate(classifier(LITE0), read_labelled_pictures(pictures))
    assert (evaluation.name, evaluation.right, len(evaluation.answers)) == (f"{LITE0}/1", 13, 13)
    assert evaluation.top5 == 1
    assert evaluation.speed is None


def test_speed_is_measured_when_asked_for(pictures: Path, classifier: Callable[[str], Classifier]) -> None:
    trial = read_labelled_pictures(pictures)[:1]
    comparison = compare(classifier(LITE0), classifier(LITE2), trial, speed_seconds=0.05)
    for evaluation in (comparison.first, comparison.second):
        assert evaluation.speed is not None
        assert evaluation.speed.latency_ms > 0
        assert evaluation.speed.images_per_second > 0


def test_each_card_has_the_resize_that_is_right_most_often(
    pictures: Path, classifier: Callable[[str], Classifier]
) -> None:
    trial = read_labelled_pictures(pictures)
    for model in (classifier(LITE0), classifier(LITE2)):
        by_card, cropped, stretched = (
            evaluate(model, trial, resize=resize).right for resize in (None, CROP, STRETCH)
        )
        assert by_card == max(cropped, stretched)


def test_pictures_in_folders_show_what_the_folder_is_called(
    tmp_path: Path, classifier: Callable[[str], Classifier]
) -> None:
    for name in ("fire engine/one.jpg", "fire engine/two.PNG", "loose.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / name), np.full((20, 30, 3), 90, np.uint8))
    (tmp_path / "notes.txt").write_text("no picture")
    trial = read_labelled_pictures(tmp_path)
    assert [(picture.name, picture.expected) for picture in trial] == [
        ("fire engine/one.jpg", "fire engine"),
        ("fire engine/two.PNG", "fire engine"),
        ("loose.jpg", None),
    ]
    assert len(evaluate(classifier(LITE0), trial).labelled) == 2


def test_folders_named_otherwise_than_the_labels_are_rejected(
    tmp_path: Path, classifier: Callable[[str], Classifier]
) -> None:
    (tmp_path / "fire_engines").mkdir()
    cv2.imwrite(str(tmp_path / "fire_engines" / "a.jpg"), np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(RejectedError, match="has no labels for; name the subfolders"):
        evaluate(classifier(LITE0), read_labelled_pictures(tmp_path))
