"""From the scores a model gives to the few classes worth showing."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from edge_common.logs import get_logger
from edge_common.model_card import Activation
from edge_common.probabilities import ROUNDING, class_probabilities, score_rows
from numpy.typing import NDArray

from car_client.errors import MisshapenAnswerError, UnreadableScoresError, UnusableModelError
from car_client.models.served_model import ServedModel

_log = get_logger()
NOT_SURE = "not sure"
_RAW = "neither card nor rt_info says what the scores are, and some are not from 0 to 1"


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


class AssumedActivations:
    """What is still to apply to scores when nobody says it: one decision for all answers of a version.

    They are taken for probabilities, which need not add up to 1, until a value of that version is none.
    """

    def __init__(self) -> None:
        self._raw: dict[str, int] = {}
        """Model -> the version that gave values which are no probabilities."""

    def of(self, model: ServedModel, rows: NDArray[np.float64]) -> Activation:
        """For `rows`, an answer of `model`, and for all later ones; one score alone gets a sigmoid."""
        assumed = Activation.SOFTMAX if rows.shape[1] > 1 else Activation.SIGMOID
        if self._raw.get(model.name) != model.version and not _all_probabilities(rows):
            self._raw[model.name] = model.version
            _log.info(
                "activation_assumed",
                model=model.name,
                version=model.version,
                activation=str(assumed),
                reason=_RAW,
            )
        return assumed if self._raw.get(model.name) == model.version else Activation.NONE


def read_scores(
    scores: NDArray[Any], model: ServedModel, activation: Activation, *, pictures: int, top_k: int | None
) -> list[Verdict | UnreadableScoresError]:
    """One verdict for each of the first `pictures` rows of `scores`, which are as `classifiers` describes.

    `top_k` None takes the model's own. A row that is not finite, or not probabilities although `activation`
    says so, gets an error in place of its verdict. Raises MisshapenAnswerError when the rows are not as many
    as the pictures, or as the model's fixed batch, and UnusableModelError when the scores are no rows.
    """
    rows = rows_of(scores, model)
    if len(rows) != (model.batch or pictures):
        raise MisshapenAnswerError(
            f"model {model.name} answered {model.output.name!r} with shape {list(scores.shape)} for a batch "
            f"of {model.batch or pictures}; a row of scores for each picture was expected"
        )
    return [_read_row(row, model, activation, top_k or model.top_k) for row in rows[:pictures]]


def rows_of(scores: NDArray[Any], model: ServedModel) -> NDArray[np.float64]:
    """`scores` as [N,C]. Raises UnusableModelError when they are no rows."""
    try:
        return score_rows(scores)
    except ValueError as error:
        raise UnusableModelError(f"model {model.name} answered {model.output.name!r}: {error}") from error


def _read_row(
    row: NDArray[np.float64], model: ServedModel, activation: Activation, top_k: int
) -> Verdict | UnreadableScoresError:
    if not np.isfinite(row).all():
        return UnreadableScoresError(
            f"model {model.name} answered numbers that are not finite; the model cannot cope with this "
            "picture, other pictures are not concerned"
        )
    if activation is Activation.NONE and not _all_probabilities(row):
        return UnreadableScoresError(
            f"model {model.name} answered values from {row.min():.3g} to {row.max():.3g}, which are no "
            "probabilities; its card says activation: none where it should say softmax or sigmoid"
        )
    labels = len(model.labels) if model.labels is not None else None
    [probabilities] = class_probabilities(row[None], activation, labels)
    return _verdict(probabilities.clip(0, 1), model, top_k)


def _all_probabilities(scores: NDArray[Any]) -> bool:
    """Whether all finite values are from 0 to 1."""
    finite = scores[np.isfinite(scores)]
    return not finite.size or bool(finite.min() >= -ROUNDING and finite.max() <= 1 + ROUNDING)


def _verdict(row: NDArray[np.float64], model: ServedModel, top_k: int) -> Verdict:
    order = np.argsort(-row, kind="stable")[:top_k]
    predictions = tuple(Prediction(int(i), model.label(int(i)), float(row[i])) for i in order)
    return Verdict(predictions, sure=predictions[0].probability >= model.min_probability)
