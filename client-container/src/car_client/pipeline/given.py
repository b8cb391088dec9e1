"""Pictures that a person names (files, folders, addresses, standard input), classified once.

What cannot be read or classified harms nothing else, and is told at the end.
"""

import math
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

from edge_common.errors import EdgeError, FatalError, RejectedError, RetryableError
from edge_common.pictures.decode import NotAPictureError, Picture, PictureLimits, decode_picture
from edge_common.printable import printable

from car_client.errors import ServerUnreachableError, UnknownModelError, UnusableModelError
from car_client.models.discovery import Discovery
from car_client.pipeline.classifier import Classification, Classifier
from car_client.pipeline.jobs import Job, Pipeline
from car_client.sources.fetch import fetch
from car_client.sources.folder import find_files
from car_client.sources.http_address import SCHEMES, FetchError, address_for_people

STANDARD_INPUT = "-"
_JOBS = 4
_MOST_FILES_A_JOB = 8
"""Bounds the memory: a decoded photo of 12 megapixels takes 36 MB."""
_MOST_TOLD = 10
"""Different errors in one sentence."""
_FOR_GOOD = (UnusableModelError, UnknownModelError)
_MOST_FAILURES = 8
"""Pictures of a model that has answered none, before it is not asked any more."""


@dataclass(frozen=True, slots=True)
class GivenPicture:
    """A picture that is still to be read; `name` is for people and for files made from it."""

    name: str
    read: Callable[[int], bytes]
    """At most so many bytes and one more. Raises NotAPictureError."""

    def load(self, limits: PictureLimits) -> Picture:
        """Read and decode it. Raises NotAPictureError, also when it cannot be read."""
        return decode_picture(self.name, self.read(limits.max_bytes), limits)


def given_pictures(arguments: Sequence[str]) -> list[GivenPicture]:
    """What `arguments` name, in order, folders with all their pictures by name.

    Raises RejectedError for a folder without any, FatalError when standard input is named and closed.
    """
    return [picture for argument in arguments for picture in _given(argument)]


def given_file(file: Path) -> GivenPicture:
    """The picture in `file`, which need not exist yet."""
    name = printable(str(file))
    return GivenPicture(name, partial(_read_file, file, name))


def read_picture(file: Path, limits: PictureLimits) -> Picture:
    """The picture in `file`; raises NotAPictureError, also when it cannot be read."""
    return given_file(file).load(limits)


def _given(argument: str) -> Iterator[GivenPicture]:
    if argument == STANDARD_INPUT:
        if sys.stdin is None or sys.stdin.closed:
            raise FatalError("standard input is closed; name a file, or send the picture to it")
        yield GivenPicture("stdin", cache(_read_standard_input))
    elif argument.startswith(SCHEMES):
        yield GivenPicture(address_for_people(argument), cache(partial(_fetch, argument)))
    elif Path(argument).is_dir():
        yield from _in_folder(Path(argument))
    else:
        yield given_file(Path(argument))


def _in_folder(folder: Path) -> Iterator[GivenPicture]:
    name = printable(str(folder))
    try:
        found = find_files(folder, subfolders=True)
    except OSError as error:
        raise RejectedError(f"the folder {name} cannot be read: {error.strerror}") from error
    if not found.pictures:
        raise RejectedError(
            f"there is no picture in the folder {name}; {found.aside.total()} other files are"
        )
    for path in sorted(found.pictures):
        yield given_file(folder / path)


def _read_file(file: Path, name: str, max_bytes: int) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(max_bytes + 1)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise NotAPictureError(f"{name} cannot be read: {reason}") from error


def _read_standard_input(max_bytes: int) -> bytes:
    return sys.stdin.buffer.read(max_bytes + 1)


def _fetch(address: str, max_bytes: int) -> bytes:
    try:
        return fetch(address, max_bytes=max_bytes).content
    except FetchError as error:
        raise NotAPictureError(f"{address_for_people(address)} gives no picture: {error}") from error


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
