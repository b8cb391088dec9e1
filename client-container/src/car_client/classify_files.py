"""Classify given files once: what cannot be read or classified harms nothing else, and is told at the end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge_common.errors import EdgeError, RejectedError, RetryableError
from edge_common.pictures.decode import NotAPictureError, Picture, PictureLimits, decode_picture

from car_client.errors import ServerUnreachableError, UnknownModelError, UnusableModelError
from car_client.inference.classifier import Classification
from car_client.models.model_table import ModelTable
from car_client.models.served_model import ServedModel
from car_client.session import Session

_FILES_AT_ONCE = 8
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
    chosen: list[ServedModel] | None = None
    for start in range(0, len(files), _FILES_AT_ONCE):
        pictures = _read_pictures(files[start : start + _FILES_AT_ONCE], session.limits, outcome)
        if pictures and chosen is None:
            chosen = _chosen(session.discovery.refresh(), models)
        for model in chosen or ():
            if model.name not in outcome.failed:
                _classify(session, model, pictures, top_k=top_k, show=show, outcome=outcome)
    return outcome


def _classify(
    session: Session,
    model: ServedModel,
    pictures: Sequence[Picture],
    *,
    top_k: int | None,
    show: Callable[[Classification], None],
    outcome: Outcome,
) -> None:
    try:
        for result in session.classifier.classify(model, pictures, top_k=top_k):
            outcome.results.append(result)
            show(result)
    except ServerUnreachableError:
        raise
    except EdgeError as error:
        outcome.failed[model.name] = error


def _read_pictures(files: Sequence[Path], limits: PictureLimits, outcome: Outcome) -> list[Picture]:
    pictures: list[Picture] = []
    for file in files:
        try:
            pictures.append(_read_picture(file, limits))
        except NotAPictureError as error:
            outcome.rejected[str(file)] = error
    return pictures


def _read_picture(file: Path, limits: PictureLimits) -> Picture:
    try:
        with file.open("rb") as opened:
            content = opened.read(limits.max_bytes + 1)
    except OSError as error:
        raise NotAPictureError(f"{file} cannot be read: {error.strerror}") from error
    return decode_picture(str(file), content, limits)


def _chosen(table: ModelTable, names: Sequence[str]) -> list[ServedModel]:
    for name in names:
        if name in table.unusable:
            raise UnusableModelError(table.unusable[name])
        if name not in table.usable:
            raise UnknownModelError(name, [*table.usable, *table.unusable])
    if not table.usable:
        reasons = "; ".join(table.unusable.values()) or "none is available"
        raise UnusableModelError(f"the server has no model to classify with: {reasons}")
    return [model for name, model in table.usable.items() if not names or name in names]
