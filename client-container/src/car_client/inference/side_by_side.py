"""One picture, several models at once."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from edge_common.errors import EdgeError
from edge_common.pictures.decode import Picture

from car_client.inference.classifier import Classification, Classifier
from car_client.models.served_model import ServedModel


@dataclass(frozen=True, slots=True)
class Answers:
    """What the models say of one picture, in the order they were asked, and why others say nothing."""

    results: tuple[Classification, ...]
    failed: dict[str, EdgeError]
    """By model."""


class SideBySide:
    """Asks models at the same time, at most `at_once` of them over all callers."""

    def __init__(self, classifier: Classifier, *, at_once: int) -> None:
        """Start no thread before the first question."""
        self._classifier = classifier
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="model")

    def ask(self, models: Sequence[ServedModel], picture: Picture, *, top_k: int | None) -> Answers:
        """Have every model classify `picture`; a model that fails harms no other one."""

        def ask_one(model: ServedModel) -> Classification | EdgeError:
            try:
                [result] = self._classifier.classify(model, [picture], top_k=top_k)
            except EdgeError as error:
                return error
            return result

        answers = list(self._threads.map(ask_one, models))
        return Answers(
            tuple(answer for answer in answers if isinstance(answer, Classification)),
            {
                model.name: answer
                for model, answer in zip(models, answers, strict=True)
                if isinstance(answer, EdgeError)
            },
        )

    def close(self) -> None:
        """Begin no further question."""
        self._threads.shutdown(wait=False, cancel_futures=True)
