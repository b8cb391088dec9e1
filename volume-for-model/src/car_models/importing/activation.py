"""What is still to apply to a network's scores: told by its last node and by its answers to noise."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from edge_common.errors import RejectedError
from edge_common.model_card import Activation
from edge_common.openvino_runtime import ov
from edge_common.probabilities import ROUNDING
from numpy.typing import NDArray

_KEEP_VALUES: Final = frozenset({"Reshape", "Squeeze", "Unsqueeze", "Transpose", "Convert", "FakeQuantize"})
"""Nodes after which scores are what they were, but for rounding."""
_MOST_STEPS: Final = 32
_ZERO: Final = 1e-6
_SAY = "--activation says it otherwise"


@dataclass(frozen=True)
class ScoreEvidence:
    """The last node that computes scores, whether it is rounded to few steps, and scores of noise [n,C]."""

    last_node: str
    quantised: bool
    scores: NDArray[np.float64]

    @property
    def within_0_and_1(self) -> bool:
        """Whether all scores could be probabilities."""
        return bool(np.all((self.scores >= -_ZERO) & (self.scores <= 1 + ROUNDING)))

    @property
    def sum_to_1(self) -> bool:
        """Whether the scores of each picture are a distribution over the classes."""
        return self.within_0_and_1 and bool(np.all(np.abs(self.scores.sum(axis=1) - 1) <= ROUNDING))

    @property
    def surely_probabilities(self) -> bool:
        """Whether nothing is left to apply: the last node tells, or the distribution over several classes."""
        several = self.scores.shape[1] > 1
        return self.last_node in {"Softmax", "Sigmoid"} or (several and self.sum_to_1)


@dataclass(frozen=True)
class FoundActivation:
    """What is to be applied; `note` tells the person what was assumed, None where it is certain."""

    activation: Activation
    note: str | None = None


def gather_evidence(network: ov.Model, last_node: tuple[str, bool]) -> ScoreEvidence:
    """What `network` answers to noise; it takes one picture of fixed size and has one output of scores.

    `last_node` is what `last_computing_node` said of the output before it was brought into this form. Raises
    RejectedError for answers that are no numbers.
    """
    compiled = ov.Core().compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    rows = [np.asarray(compiled(noise)[0], np.float64).reshape(-1) for noise in _noise(compiled.input(0))]
    if np.isnan(rows[0]).any():
        raise RejectedError(
            "the model answers an ordinary picture with values that are no numbers (NaN); its weights may be "
            "damaged, export it again"
        )
    return ScoreEvidence(*last_node, np.stack(rows))


def _noise(port: Any) -> Iterator[NDArray[Any]]:
    """Around 0 as after the usual normalisation, far beyond, and as plain pixels are."""
    random = np.random.default_rng(7)
    shape, dtype = list(port.shape), port.element_type.to_dtype()
    pixels = random.integers(0, 128 if dtype == np.int8 else 256, shape)
    if dtype.kind != "f":
        yield from (pixels.astype(dtype), np.zeros(shape, dtype))
        return
    for spread in (1.0, 100.0):
        yield random.normal(0, spread, shape).astype(dtype)
    yield pixels.astype(dtype)
    yield np.zeros(shape, dtype)


def last_computing_node(output: ov.Output) -> tuple[str, bool]:
    """The type of the last node that changes values of `output`, and whether they are rounded after it."""
    node, quantised = output.get_node(), False
    for _ in range(_MOST_STEPS):
        node = node.input_value(0).get_node()
        if node.get_type_name() not in _KEEP_VALUES:
            break
        quantised = quantised or node.get_type_name() == "FakeQuantize"
    return str(node.get_type_name()), quantised


def found_activation(evidence: ScoreEvidence) -> FoundActivation:
    """What the scores still need. Raises RejectedError for a softmax that tells nothing.

    It is certain where the network ends in a softmax or sigmoid, or its scores are a distribution. Scores
    that only look like probabilities are taken for such: a client that then meets others refuses them.
    """
    one_score = evidence.scores.shape[1] == 1
    last = evidence.last_node
    if last == "Softmax" and (one_score or not (evidence.sum_to_1 or evidence.quantised)):
        raise RejectedError(
            "the model ends in a softmax that is not over its classes, so that its scores tell nothing "
            f"({'over one score it is always 1' if one_score else 'they do not add up to 1'}); export it "
            "with a softmax over the last dimension, with a sigmoid, or with neither"
        )
    if evidence.surely_probabilities:
        return FoundActivation(Activation.NONE)
    if last == "LogSoftmax":
        return FoundActivation(Activation.SOFTMAX)
    if evidence.within_0_and_1:
        return FoundActivation(
            Activation.NONE,
            f"the scores stay between 0 and 1 on noise: taken for each class's own probability; {_SAY}",
        )
    if one_score:
        return FoundActivation(
            Activation.SIGMOID, f"one raw score: a sigmoid makes a probability of it; {_SAY}"
        )
    return FoundActivation(
        Activation.SOFTMAX, f"raw scores: a softmax over all classes makes probabilities of them; {_SAY}"
    )


def check_activation(said: Activation, evidence: ScoreEvidence) -> None:
    """Raise RejectedError where `said` contradicts what is certain of the scores, and say what holds."""
    if said is not Activation.NONE and evidence.surely_probabilities:
        how = "they add up to 1" if evidence.sum_to_1 else f"it ends in a {evidence.last_node.lower()}"
        raise RejectedError(
            f"the model's scores are probabilities already ({how}); a {said} over them would be wrong: "
            "--activation none"
        )
    if said is Activation.NONE and not evidence.within_0_and_1:
        least, most = evidence.scores.min(), evidence.scores.max()
        right = (
            "sigmoid" if evidence.scores.shape[1] == 1 else "softmax, or sigmoid where several may be true"
        )
        raise RejectedError(
            f"the model's scores go from {least:.3g} to {most:.3g} on noise, so they are no probabilities; "
            f"--activation {right}"
        )
