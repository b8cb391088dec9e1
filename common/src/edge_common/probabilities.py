"""From the scores of a classifier to probabilities; needs numpy (the extra `pictures`)."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_common.model_card import Activation

ROUNDING: Final = 0.02
"""Room for probabilities computed in 16 bits: bf16 has 8 bits of mantissa, and sums add the errors up."""


def score_rows(scores: NDArray[Any]) -> NDArray[np.float64]:
    """`scores` as [N,C], whatever ones are in their shape; [N] is one score for each picture.

    Quantised numbers become 0 to 1 in even steps from their type's least value, 16-bit signed ones from 0
    (TFLite's quantised softmax: scale 1/256 and 1/32768). Raises ValueError when the shape is no row for each
    picture, which `edge_common.classifiers.class_count` tells from the description.
    """
    if scores.ndim == 0 or sum(size != 1 for size in scores.shape[1:]) > 1 or scores.size == 0:
        raise ValueError(f"{list(scores.shape)} is no row of scores for each picture")
    rows = scores.reshape(scores.shape[0], -1).astype(np.float64)
    if scores.dtype.kind not in "iu":
        return rows
    if scores.dtype == np.int16:
        return rows / 32768
    bounds = np.iinfo(scores.dtype)
    return (rows - bounds.min) / (int(bounds.max) - int(bounds.min) + 1)


def class_probabilities(
    rows: NDArray[np.float64], activation: Activation, labels: int | None = None
) -> NDArray[np.float64]:
    """[N,classes] of probabilities from the rows that `score_rows` gives, each row by itself.

    One score with two `labels` is a binary classifier: the score is the probability of the second label, as
    Keras and torch count classes from 0, and the rest that of the first. A NaN makes its own row NaN.
    """
    match activation:
        case Activation.SOFTMAX:
            with np.errstate(
                invalid="ignore", over="ignore"
            ):  # a row that is not finite concerns nobody else
                powers = np.exp(rows - rows.max(axis=1, keepdims=True))
                values = powers / powers.sum(axis=1, keepdims=True)
        case Activation.SIGMOID:
            values = 0.5 * (1 + np.tanh(0.5 * rows))  # 1 / (1 + exp(-x)), which cannot overflow
        case Activation.NONE:
            values = rows
    if labels == 2 and values.shape[1] == 1:  # noqa: PLR2004 - no and yes
        values = np.hstack([1 - values, values])
    return np.asarray(values, np.float64)
