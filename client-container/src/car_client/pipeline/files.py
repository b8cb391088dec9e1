"""Classify given pictures once: what cannot be read or classified harms nothing else; told at the end."""

import math
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial

from edge_common.errors import EdgeError, RejectedError, RetryableError
from edge_common.pictures.decode import NotAPictureError, Picture, PictureLimits

from car_client.errors import ServerUnreachableError, UnknownModelError, UnusableModelError
from car_client.models.discovery import Discovery
from car_client.pipeline.classifier import Classification, Classifier
from car_client.pipeline.given import GivenPicture
from car_client.pipeline.jobs import Job, Pipeline

_JOBS = 4
_MOST_FILES_A_JOB = 8
"""Bounds the memory: a decoded photo of 12 megapixels takes 36 MB."""

_MOST_TOLD = 10
"""Different errors in one sentence."""
_FOR_GOOD = (UnusableModelError, UnknownModelError)
_MOST_FAILURES = 8
"""Pictures of a model that has answered none, before it is not asked any more."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One picture for which one model has no result."""

    picture: str
    model: str
    error: EdgeError


@dataclass(slots=True)
class Outcome:
    """What came of it: results in the order they were made, and what failed, each with its error."""

    results: list[Classification] = field(default_factory=list)
    rejected: dict[str, NotAPictureError] = field(default_factory=dict)
    """By the picture's name."""
    failed: list[Failure] = field(default_factory=list)
    """What models did not answer."""

    def is_hopeless(self, model: str) -> bool:
        """Whether there is no use in asking `model` about more pictures."""
        errors = [failure.error for failure in self.failed if failure.model == model]
        if any(isinstance(error, _FOR_GOOD) for error in errors):
            return True
        return len(errors) >= _MOST_FAILURES and all(result.model != model for result in self.results)

    def check(self) -> None:
        """Raise one error for all that failed; retryable only if nothing was at fault for good."""
        errors = [*self.rejected.values(), *(failure.error for failure in self.failed)]
        if not errors:
            return
        sentences = list(dict.fromkeys(str(error) for error in errors))
        more = f"; and {len(sentences) - _MOST_TOLD} more" if len(sentences) > _MOST_TOLD else ""
        sentence = "; ".join(sentences[:_MOST_TOLD]) + more
        if all(isinstance(error, RetryableError) for error in errors):
            raise RetryableError(sentence)
        raise RejectedError(sentence)


def classify_given(
    given: Sequence[GivenPicture],
    discovery: Discovery,
    classifier: Classifier,
    *,
    limits: PictureLimits,
    models: Sequence[str] = (),
    top_k: int | None = None,
    show: Callable[[Classification], None] = lambda _result: None,
) -> Outcome:
    """Classify the `given` pictures with the `models` named, or with all; `show` gets each result at once.

    A model that cannot be used, or failed many times and never answered, is not asked again. Raises
    UnknownModelError, UnusableModelError when a model named cannot be used or none can, and
    ServerUnreachableError. The server is not asked when no file is a picture.
    """
    outcome = Outcome()
    chosen = None
    size = max(1, min(_MOST_FILES_A_JOB, math.ceil(len(given) / _JOBS)))
    begun: deque[tuple[Sequence[GivenPicture], Job]] = deque()
    with closing(Pipeline(classifier)) as pipeline:
        for start in range(0, len(given), size):
            part = given[start : start + size]
            job = pipeline.begin([partial(picture.load, limits) for picture in part])
            if chosen is None and any(isinstance(picture, Picture) for picture in job.pictures()):
                chosen = discovery.refresh().choose_some(models)
            job.ask([model for model in chosen or () if not outcome.is_hopeless(model.name)], top_k=top_k)
            begun.append((part, job))
            if len(begun) >= _JOBS:
                _finish(*begun.popleft(), outcome, show)
        while begun:
            _finish(*begun.popleft(), outcome, show)
    return outcome


def _finish(
    part: Sequence[GivenPicture], job: Job, outcome: Outcome, show: Callable[[Classification], None]
) -> None:
    for given, picture in zip(part, job.pictures(), strict=False):
        if isinstance(picture, NotAPictureError):
            outcome.rejected[given.name] = picture
    for reply in job.replies():
        if isinstance(reply.result, ServerUnreachableError):
            raise reply.result
        if isinstance(reply.result, EdgeError):
            picture = job.pictures()[reply.place]
            name = picture.name if isinstance(picture, Picture) else ""
            outcome.failed.append(Failure(name, reply.model, reply.result))
        else:
            outcome.results.append(reply.result)
            show(reply.result)
