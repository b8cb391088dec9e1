import numpy as np
import pytest
from edge_common.model_card import Activation
from edge_common.probabilities import class_probabilities, score_rows
from numpy.typing import NDArray


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 1, 1), (2, 1, 3), (2, 1, 1, 3)])
def test_ones_in_the_shape_do_not_matter(shape: tuple[int, ...]) -> None:
    values = np.arange(6, dtype=np.float16).reshape(shape)
    assert score_rows(values).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_one_score_for_each_picture_is_a_column() -> None:
    assert score_rows(np.array([0.25, 0.5], np.float32)).tolist() == [[0.25], [0.5]]


@pytest.mark.parametrize("shape", [(), (2, 3, 2), (1, 0), (0, 3)])
def test_what_is_no_row_for_each_picture_is_an_error(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="no row of scores"):
        score_rows(np.zeros(shape))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 64, 255]], np.uint8), [0, 0.25, 255 / 256]),
        (np.array([[-128, -64, 127]], np.int8), [0, 0.25, 255 / 256]),
        (np.array([[0, 8192, 32767]], np.int16), [0, 0.25, 32767 / 32768]),
        (np.array([[0, 16384, 65535]], np.uint16), [0, 0.25, 65535 / 65536]),
    ],
    ids=["u1", "i1", "i2", "u2"],
)
def test_quantised_scores_go_from_0_to_1(values: NDArray[np.generic], expected: list[float]) -> None:
    np.testing.assert_allclose(score_rows(values), [expected], rtol=1e-12)


def test_softmax_sigmoid_and_none() -> None:
    rows = np.array([[1.0, 3, 2]])
    softmax = class_probabilities(rows, Activation.SOFTMAX)
    np.testing.assert_allclose(softmax, [[0.09003057, 0.66524096, 0.24472847]], rtol=1e-6)
    sigmoid = class_probabilities(rows, Activation.SIGMOID)
    np.testing.assert_allclose(sigmoid, [[0.73105858, 0.95257413, 0.88079708]], rtol=1e-6)
    assert class_probabilities(rows, Activation.NONE).tolist() == rows.tolist()


def test_far_scores_do_not_overflow() -> None:
    rows = np.array([[-2000.0, 2000]])
    assert class_probabilities(rows, Activation.SIGMOID).tolist() == [[0, 1]]
    assert class_probabilities(rows, Activation.SOFTMAX).tolist() == [[0, 1]]


def test_one_score_with_two_labels_is_that_of_the_second() -> None:
    rows = np.array([[0.9], [0.2]])
    np.testing.assert_allclose(class_probabilities(rows, Activation.NONE, 2), [[0.1, 0.9], [0.8, 0.2]])
    assert class_probabilities(rows, Activation.NONE, 1).tolist() == [[0.9], [0.2]]
    np.testing.assert_allclose(
        class_probabilities(np.array([[2.0]]), Activation.SIGMOID, 2), [[0.11920292, 0.88079708]]
    )


def test_a_row_that_is_no_number_concerns_no_other() -> None:
    rows = np.array([[np.nan, 1], [0, 0]])
    for activation in Activation:
        made = class_probabilities(rows, activation)
        assert np.isnan(made[0]).any()
        assert np.isfinite(made[1]).all()
