from dataclasses import replace

import numpy as np
import pytest
from car_client.errors import MisshapenAnswerError, UnreadableScoresError, UnusableModelError
from car_client.models.served_model import FactSource, ServedModel
from car_client.pipeline.scores import NOT_SURE, AssumedActivations, Verdict, read_scores
from edge_common.classifiers import TensorSpec
from edge_common.model_card import Activation, Color, Layout
from edge_common.pictures.steps import Preprocessing
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp


def model(
    activation: Activation | None = None,
    *,
    labels: tuple[str, ...] | None = ("red", "green", "blue"),
    min_probability: float = 0.0,
    batch: int = -1,
) -> ServedModel:
    return ServedModel(
        name="m",
        version=1,
        input=TensorSpec("image", "FP32", (batch, 3, 8, 8)),
        output=TensorSpec("y", "FP32", (batch, 3)),
        preprocessing=Preprocessing(8, 8, np.dtype("f4"), Layout.NCHW, Color.RGB),
        source=FactSource.CARD,
        labels=labels,
        activation=activation,
        min_probability=min_probability,
    )


def verdict(scores: list[float], described: ServedModel, top_k: int | None = None) -> Verdict:
    activation = described.activation or Activation.NONE
    [only] = read_scores(np.array([scores], np.float32), described, activation, pictures=1, top_k=top_k)
    if isinstance(only, UnreadableScoresError):
        raise only
    return only


def test_softmax_is_applied_when_the_card_says_so() -> None:
    best = verdict([1, 3, 2], model(Activation.SOFTMAX)).predictions
    assert [p.label for p in best] == ["green", "blue", "red"]
    np.testing.assert_allclose([p.probability for p in best], [0.66524096, 0.24472847, 0.09003057], rtol=1e-6)


def test_probabilities_are_left_alone_when_the_card_says_none() -> None:
    assert verdict([0.2, 0.5, 0.1], model(Activation.NONE)).predictions[0].probability == pytest.approx(0.5)


def test_scores_that_are_no_probabilities_contradict_a_card_that_says_none() -> None:
    with pytest.raises(UnreadableScoresError, match=r"values from -2 to 9.*where it should say softmax"):
        verdict([-2, 9, 1], model(Activation.NONE))


def test_without_a_word_probabilities_stay_until_a_value_is_none_and_then_all_get_a_softmax() -> None:
    assumed, described = AssumedActivations(), model()
    sure, sigmoid = np.array([[0.25, 0.5, 0.25]]), np.array([[0.907, 0.2, 0.6]])
    assert [assumed.of(described, scores) for scores in (sure, sigmoid)] == [Activation.NONE] * 2
    assert assumed.of(described, np.array([[1.0, 3.0, 2.0]])) is Activation.SOFTMAX
    assert assumed.of(described, sigmoid) is Activation.SOFTMAX, "decided by version, not by request"
    assert assumed.of(replace(described, version=2), sigmoid) is Activation.NONE
    assert assumed.of(replace(described, name="n"), np.array([[np.nan, 0.5]])) is Activation.NONE


def test_the_scores_of_one_picture_say_nothing_about_its_neighbours() -> None:
    scores = np.array([[0.9, 0.1, 0], [np.nan, 0, 0], [0, 0, 7], [0, 1, 0]], np.float32)
    rows = read_scores(scores, model(), Activation.NONE, pictures=4, top_k=None)
    assert [row.top1 if isinstance(row, Verdict) else None for row in rows] == ["red", None, None, "green"]


def test_two_labels_on_one_score_are_no_and_yes() -> None:
    described = model(Activation.SIGMOID, labels=("no", "yes"))
    best = verdict([2.2774], described).predictions
    assert [(p.label, round(p.probability, 3)) for p in best] == [("yes", 0.907), ("no", 0.093)]


def test_quantised_scores_are_probabilities_in_even_steps() -> None:
    [row] = read_scores(np.array([[0, 64, 192]], np.uint8), model(), Activation.NONE, pictures=1, top_k=None)
    assert isinstance(row, Verdict)
    assert [(p.label, p.probability) for p in row.predictions[:2]] == [("blue", 0.75), ("green", 0.25)]


def test_top_k_limits_and_the_request_goes_before_the_card() -> None:
    assert len(verdict([0.2, 0.5, 0.3], model(), top_k=2).predictions) == 2
    assert len(verdict([0.2, 0.5, 0.3], model()).predictions) == 3


def test_below_the_limit_the_answer_is_not_sure() -> None:
    assert verdict([0.4, 0.35, 0.25], model(min_probability=0.5)).top1 == NOT_SURE
    assert verdict([0.6, 0.15, 0.25], model(min_probability=0.5)).top1 == "red"


def test_classes_without_labels_have_numbers() -> None:
    assert verdict([0.2, 0.5, 0.3], model(labels=None)).top1 == "class 1"


def test_rows_beyond_the_pictures_are_padding_and_trailing_ones_are_dropped() -> None:
    scores = np.array([[0.9, 0.1, 0], [0, 0.9, 0.1], [1, 0, 0]], np.float32).reshape(3, 3, 1, 1)
    verdicts = read_scores(scores, model(batch=3), Activation.NONE, pictures=2, top_k=None)
    assert [v.top1 for v in verdicts if isinstance(v, Verdict)] == ["red", "green"]


@pytest.mark.parametrize("shape", [(), (0, 3), (1, 3, 2), (1, 0)])
def test_what_is_no_class_vector_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UnusableModelError, match="model m answered"):
        read_scores(np.zeros(shape, np.float32), model(), Activation.NONE, pictures=1, top_k=None)


@pytest.mark.parametrize(("rows", "pictures", "batch"), [(1, 4, -1), (100, 1, -1), (2, 1, 1), (1, 2, 4)])
def test_an_answer_without_one_row_for_each_picture_gives_nobody_a_neighbours_scores(
    rows: int, pictures: int, batch: int
) -> None:
    scores = np.full((rows, 3), 0.3, np.float32)
    with pytest.raises(MisshapenAnswerError, match=rf"with shape \[{rows}, 3\] for a batch of"):
        read_scores(scores, model(batch=batch), Activation.NONE, pictures=pictures, top_k=None)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(UnreadableScoresError, match="not finite"):
        verdict([0.5, bad, 0.2], model())


@given(
    scores=hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=6),
        elements=st.floats(-50, 50, width=32),
    ),
    top_k=st.integers(1, 9),
)
def test_verdicts_are_sorted_probabilities(
    scores: np.ndarray[tuple[int, ...], np.dtype[np.float32]], top_k: int
) -> None:
    for found in read_scores(scores, model(), Activation.SOFTMAX, pictures=len(scores), top_k=top_k):
        assert isinstance(found, Verdict)
        probabilities = [p.probability for p in found.predictions]
        assert len(probabilities) == min(top_k, scores.shape[1])
        assert probabilities == sorted(probabilities, reverse=True)
        assert all(0 <= p <= 1 for p in probabilities)
