"""Classify given files once: what cannot be read or classified harms nothing else, and is told at the end."""

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge_common.errors import EdgeError, RejectedError, RetryableError
from edge_common.pictures.decode import NotAPictureError, Picture, PictureLimits, decode_picture

from car_client.errors import ServerUnreachableError
from car_client.inference.classifier import Classification
from car_client.inference.overlap import overlapped
from car_client.models.served_model import ServedModel
from car_client.session import Session

_WORKERS = 4
"""More than the cores of a small machine, because requests mostly wait for the server."""
_FILES_A_TASK = 8
"""Bounds the memory: a decoded photo of 12 megapixels takes 36 MB."""


@dataclass(slots=True)
class Outcome:
    """What came of it: results in the order they were made, and what failed, each with its error."""

    results: list[Classification] = field(default_factory=list)
    rejected: dict[str, NotAPictureError] = field(default_factory=dict)
    """By file."""
    failed: dict[str, EdgeError] = field(default_factory=dict)
    """By model; all or some of its pictures have no result."""

    def check(self) -> None:
        """Raise one error for all that failed; retryable only if nothing was at fault for good."""
        errors = [*self.rejected.values(), *self.failed.values()]
        if not errors:
            return
        sentence = "; ".join(str(error) for error in errors)
        if all(isinstance(error, RetryableError) for error in errors):
            raise RetryableError(sentence)
        raise RejectedError(sentence)


def classify_files(
    session: Session,
    files: Sequence[Path],
    *,
    models: Sequence[str],
    top_k: int | None,
    show: Callable[[Classification], None],
) -> Outcome:
    """Classify `files` with the `models` named, or with all; hand each result to `show` as it comes.

    Raises UnknownModelError, UnusableModelError when a model named cannot be used or none can, and
    ServerUnreachableError. The server is not asked when no file is a picture.
    """
    outcome = Outcome()
    tasks = _Tasks(session, models, top_k)
    size = max(1, min(_FILES_A_TASK, math.ceil(len(files) / _WORKERS)))
    parts = [files[start : start + size] for start in range(0, len(files), size)]
    for done in overlapped(tasks.classify, parts, workers=_WORKERS):
        for result in done.results:
            show(result)
        outcome.results += done.results
        outcome.rejected |= done.rejected
        outcome.failed = done.failed | outcome.failed
    return outcome


class _Tasks:
    """Classifies some files in a thread of its own; all threads know which models are given up."""

    def __init__(self, session: Session, names: Sequence[str], top_k: int | None) -> None:
        self._session = session
        self._names = names
        self._top_k = top_k
        self._given_up: set[str] = set()
        self._lock = threading.Lock()
        self._models: list[ServedModel] | None = None

    def classify(self, files: Sequence[Path]) -> Outcome:
        outcome = Outcome()
        pictures = _read_pictures(files, self._session.limits, outcome)
        for model in self._chosen_models() if pictures else ():
            if model.name in self._given_up:
                continue
            try:
                outcome.results += self._session.classifier.classify(model, pictures, top_k=self._top_k)
            except ServerUnreachableError:
                raise
            except EdgeError as error:
                self._given_up.add(model.name)
                outcome.failed[model.name] = error
        return outcome

    def _chosen_models(self) -> list[ServedModel]:
        """Asked for once, by the first thread that has a picture."""
        with self._lock:
            if self._models is None:
                self._models = self._session.discovery.refresh().choose_some(self._names)
            return self._models


def _read_pictures(files: Sequence[Path], limits: PictureLimits, outcome: Outcome) -> list[Picture]:
    pictures: list[Picture] = []
    for file in files:
        try:
            pictures.append(read_picture(file, limits))
        except NotAPictureError as error:
            outcome.rejected[str(file)] = error
    return pictures


def read_picture(file: Path, limits: PictureLimits) -> Picture:
    """The picture in `file`; raises NotAPictureError, also when it cannot be read."""
    try:
        with file.open("rb") as opened:
            content = opened.read(limits.max_bytes + 1)
    except OSError as error:
        raise NotAPictureError(f"{file} cannot be read: {error.strerror}") from error
    return decode_picture(str(file), content, limits)
