"""Versions on pictures: what comes out right, what is mixed up, how fast, and where two of them differ."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from edge_common.errors import RejectedError
from edge_common.model_card import Resize
from numpy.typing import NDArray

from car_models.evaluating.classifier import Classifier, Prediction, Speed, measure_speed
from car_models.evaluating.pictures import LabelledPicture, read_rgb

_TOP = 5


@dataclass(frozen=True)
class Answer:
    """What a model says of one picture, at most five classes, best first; `expected` None: nobody knows."""

    file: str
    expected: str | None
    top: tuple[Prediction, ...]

    @property
    def best(self) -> Prediction:
        """The most likely class."""
        return self.top[0]

    @property
    def right(self) -> bool:
        """Whether the most likely class is what the picture shows."""
        return self.best.label == self.expected

    @property
    def among_top(self) -> bool:
        """Whether one of the five most likely classes is what the picture shows."""
        return any(prediction.label == self.expected for prediction in self.top)


@dataclass(frozen=True)
class ClassScore:
    """How one class fares: pictures that show it, those recognised, and answers that named it."""

    label: str
    pictures: int
    right: int
    named: int

    @property
    def recall(self) -> float | None:
        """Share of the pictures that show it and are recognised."""
        return self.right / self.pictures if self.pictures else None

    @property
    def precision(self) -> float | None:
        """Share of the answers with this label that are right."""
        return self.right / self.named if self.named else None


@dataclass(frozen=True)
class Evaluation:
    """What one model version makes of a collection of pictures."""

    model: str
    version: str
    bytes: int
    """Of the files that hold the network."""
    answers: tuple[Answer, ...]
    speed: Speed | None = None

    @property
    def name(self) -> str:
        """Model and version."""
        return f"{self.model}/{self.version}"

    @property
    def labelled(self) -> tuple[Answer, ...]:
        """The answers of which it is known whether they are right."""
        return tuple(answer for answer in self.answers if answer.expected is not None)

    @property
    def right(self) -> int:
        """How many pictures are recognised."""
        return sum(answer.right for answer in self.labelled)

    @property
    def top1(self) -> float | None:
        """Share of the pictures that are recognised; None when nobody knows what they show."""
        return self.right / len(self.labelled) if self.labelled else None

    @property
    def top5(self) -> float | None:
        """Share of the pictures whose label is among the five most likely ones."""
        found = sum(answer.among_top for answer in self.labelled)
        return found / len(self.labelled) if self.labelled else None

    def classes(self) -> tuple[ClassScore, ...]:
        """Every label that is shown by a picture or named by an answer, in alphabetical order."""
        shown = Counter(str(answer.expected) for answer in self.labelled)
        right = Counter(answer.best.label for answer in self.labelled if answer.right)
        named = Counter(answer.best.label for answer in self.labelled)
        return tuple(
            ClassScore(label, shown[label], right[label], named[label]) for label in sorted(shown | named)
        )

    def confusion(self) -> tuple[tuple[str, ...], NDArray[np.int64]]:
        """Labels as `classes` has them, and counts [shown, answered] over them."""
        labels = tuple(score.label for score in self.classes())
        place = {label: index for index, label in enumerate(labels)}
        counts = np.zeros((len(labels), len(labels)), np.int64)
        for answer in self.labelled:
            counts[place[str(answer.expected)], place[answer.best.label]] += 1
        return labels, counts

    def metrics(self) -> Mapping[str, float]:
        """The figures by name, as a tracking server takes them; those that are not known are absent."""
        shares = {} if self.top1 is None or self.top5 is None else {"top1": self.top1, "top5": self.top5}
        speed = asdict(self.speed) if self.speed is not None else {}
        return {"pictures": float(len(self.answers)), **shares, "model_bytes": float(self.bytes), **speed}


@dataclass(frozen=True)
class Comparison:
    """Evaluations of two versions on the same pictures."""

    first: Evaluation
    second: Evaluation

    @property
    def differences(self) -> tuple[tuple[Answer, Answer], ...]:
        """Both answers to each picture of which their most likely classes differ."""
        pairs = zip(self.first.answers, self.second.answers, strict=True)
        return tuple(pair for pair in pairs if pair[0].best.label != pair[1].best.label)

    @property
    def agreement(self) -> float:
        """Share of the pictures of which both say the same first."""
        return 1 - len(self.differences) / len(self.first.answers)


def evaluate(
    model: Classifier,
    pictures: Sequence[LabelledPicture],
    *,
    resize: Resize | None = None,
    speed_seconds: float = 0.0,
) -> Evaluation:
    """Run `model` on `pictures`; `resize` replaces that of its card; `speed_seconds` 0 measures no speed.

    Raises RejectedError when a picture cannot be read, or when the model knows none of the expected labels.
    """
    shown = {picture.expected for picture in pictures if picture.expected is not None}
    if shown and not shown & set(model.labels):
        raise RejectedError(
            f"the pictures show {', '.join(sorted(shown)[:3])} …, which {model.model} has no labels for; "
            f"name the subfolders as its labels are, such as {model.labels[0]!r}"
        )
    answers = tuple(
        Answer(each.name, each.expected, tuple(model.classify(read_rgb(each.path), resize)[:_TOP]))
        for each in pictures
    )
    speed = measure_speed(model.network, speed_seconds) if speed_seconds > 0 else None
    return Evaluation(model.model, model.version, model.bytes, answers, speed)


def compare(
    first: Classifier, second: Classifier, pictures: Sequence[LabelledPicture], *, speed_seconds: float = 0.0
) -> Comparison:
    """Run both on `pictures`, one after the other; raises RejectedError as `evaluate` does."""
    return Comparison(
        evaluate(first, pictures, speed_seconds=speed_seconds),
        evaluate(second, pictures, speed_seconds=speed_seconds),
    )
