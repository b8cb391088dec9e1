"""Two versions side by side: who is right more often, faster, smaller, and where their answers differ."""

from collections.abc import Sequence
from dataclasses import dataclass

from car_models.evaluating.classifier import Classifier
from car_models.evaluating.evaluation import Answer, Evaluation, evaluate
from car_models.evaluating.pictures import LabelledPicture


@dataclass(frozen=True)
class Difference:
    """A picture of which the two versions say different things first."""

    first: Answer
    second: Answer

    @property
    def file(self) -> str:
        """The picture's name."""
        return self.first.file


@dataclass(frozen=True)
class Comparison:
    """Evaluations of two versions on the same pictures."""

    first: Evaluation
    second: Evaluation

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Where their most likely classes differ."""
        pairs = zip(self.first.answers, self.second.answers, strict=True)
        return tuple(Difference(a, b) for a, b in pairs if a.best.label != b.best.label)

    @property
    def agreement(self) -> float:
        """Share of the pictures of which both say the same first."""
        return 1 - len(self.differences) / len(self.first.answers)


def compare(
    first: Classifier, second: Classifier, pictures: Sequence[LabelledPicture], *, speed_seconds: float = 0.0
) -> Comparison:
    """Run both on `pictures`, one after the other; raises RejectedError as `evaluate` does."""
    return Comparison(
        evaluate(first, pictures, speed_seconds=speed_seconds),
        evaluate(second, pictures, speed_seconds=speed_seconds),
    )
