"""From the scores a model gives to the few classes worth showing."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from edge_common.model_card import Activation
from numpy.typing import NDArray

from car_client.errors import UnusableModelError
from car_client.models.served_model import ServedModel

NOT_SURE = "not sure"
_ROUNDING = 0.02
"""Room for probabilities computed in 16 bits: bf16 has 8 bits of mantissa, and sums add the errors up."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """One class: its index in the model's output, its name, and its probability from 0 to 1."""

    index: int
    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """The best classes, likeliest first; not `sure` when even the best is below the model's limit."""

    predictions: tuple[Prediction, ...]
    sure: bool

    @property
    def top1(self) -> str:
        """The likeliest label, or `not sure`."""
        return self.predictions[0].label if self.sure else NOT_SURE


def read_scores(
    scores: NDArray[Any], model: ServedModel, *, pictures: int, top_k: int | None
) -> list[Verdict]:
    """One verdict for each of the first `pictures` rows of `scores` [N,C] (trailing dimensions of 1 allowed).

    `top_k` None takes the model's own. Raises UnusableModelError when the scores are no class vectors, or not
    probabilities although the card says so.
    """
    if scores.ndim < 2 or scores.shape[0] < pictures or any(size != 1 for size in scores.shape[2:]):  # noqa: PLR2004 - batch and classes
        raise UnusableModelError(
            f"model {model.name} answered {model.output.name!r} with shape {list(scores.shape)} for "
            f"{pictures} pictures; a class vector for each was expected"
        )
    rows = scores.reshape(scores.shape[0], -1)[:pictures].astype(np.float64)
    if rows.shape[1] == 0 or not np.isfinite(rows).all():
        raise UnusableModelError(f"model {model.name} answered numbers that are not finite, or none")
    return [_verdict(row, model, top_k or model.top_k) for row in _probabilities(rows, model)]


def _probabilities(rows: NDArray[np.float64], model: ServedModel) -> NDArray[np.float64]:
    least, most = float(rows.min()), float(rows.max())
    within = least >= -_ROUNDING and most <= 1 + _ROUNDING
    match model.activation:
        case Activation.SOFTMAX:
            return _softmax(rows)
        case Activation.NONE:
            if not within:
                raise UnusableModelError(
                    f"model {model.name} answered values from {least:.3g} to {most:.3g}, which are no "
                    "probabilities; its card says activation: none where it should say softmax"
                )
            return rows.clip(0, 1)
        case None:
            add_up = within and bool((abs(rows.sum(axis=1) - 1) <= _ROUNDING).all())
            return rows.clip(0, 1) if add_up else _softmax(rows)


def _softmax(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(rows - rows.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float64)


def _verdict(row: NDArray[np.float64], model: ServedModel, top_k: int) -> Verdict:
    order = np.argsort(-row, kind="stable")[:top_k]
    predictions = tuple(Prediction(int(i), model.label(int(i)), float(row[i])) for i in order)
    return Verdict(predictions, sure=predictions[0].probability >= model.min_probability)
