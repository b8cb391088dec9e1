"""A version, and the one in service in turn with it, on the acceptance pictures. Runs in the child."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from edge_common.errors import RejectedError
from edge_common.model_card import Acceptance
from edge_common.pictures.decode import decode_picture
from edge_common.quantities import format_size
from numpy.typing import NDArray

from model_sync.bucket.evidence_files import ACCEPTANCE_FOLDER
from model_sync.planning.evidence import AcceptanceRun, PictureAnswer
from model_sync.preflight.card_pictures import LIMITS, CardPictures, not_finite
from model_sync.preflight.loaded_model import LoadedModel, is_short_of_memory

_TOP = 5
_TOLD = 80
"""Characters of a label in the answer."""
_MAX_PROBLEM = 200
_LEAST_RUNS, _LONGEST_REPEATING = 20, 3.0
"""Inferences to take the median of, also with few pictures; the seconds after which fewer will do."""
_REST, _MOST_REST = 2.0, 6.0
"""Rest after each picture, as a multiple of the time it took; seconds of it in all."""


@dataclass
class _Contender:
    """A model, the card by which pictures become its input, and what it said and took."""

    model: LoadedModel
    asked: CardPictures
    seconds: list[float] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def take(self, pixels: NDArray[np.uint8]) -> None:
        """Make `pixels` the input; raises RejectedError when they cannot be."""
        if not self.model.take(lambda name, shape, dtype: self.asked.tensor(pixels, name, shape, dtype)):
            raise RejectedError(
                "it cannot be tried with pictures, because an input beside the picture is of open size; "
                "set serving.shape in the card, or remove the acceptance pictures"
            )
        if not self.seconds:
            self.model.request.infer()  # the first inference is always slower

    def infer(self) -> None:
        begin = time.perf_counter()
        self.model.request.infer()
        self.seconds.append(time.perf_counter() - begin)

    def read(self, picture: str) -> None:
        """Take in the answer; raises RejectedError when it is none."""
        outputs = self.model.outputs()
        infinite, scores = not_finite(outputs, picture), self.asked.scores(outputs)
        if infinite is not None or scores is None:
            raise RejectedError(infinite or "the card's output.name is no output of the model; correct it")
        try:
            self.said = self.asked.ranking(scores)
        except ValueError as error:
            raise RejectedError(f"its answer to the {picture} cannot be read: {error}") from error


@dataclass
class _InService:
    """The version in service; what is wrong with it ends the comparison, and is not the new one's fault."""

    contender: _Contender | None = None
    problem: str = ""

    def does(self, what: Callable[[_Contender], None]) -> None:
        if self.contender is not None:
            try:
                what(self.contender)
            except (RejectedError, RuntimeError, OSError) as error:
                self.contender, self.problem = None, _cannot_be_asked(error)

    @property
    def said(self) -> str | None:
        return self.contender.said[0] if self.contender is not None else None


def run_acceptance(
    model: LoadedModel, request: Mapping[str, Any], *, allowance: int, used: int
) -> dict[str, Any]:
    """What `model` says of the pictures in `request`, and what the version in service says, with times.

    They take turns, so that whatever else the machine does meets both. `allowance` is what both together may
    take of memory in bytes, `used` what `model` has taken. Raises RejectedError for a picture or an answer
    that cannot be used.
    """
    new = _Contender(model, CardPictures.of_request(request))
    served = _in_service(request, new.asked.card.acceptance, allowance, used)
    answers: list[PictureAnswer] = []
    rest = _MOST_REST
    for file, expected in request["pictures"]:
        begin = time.perf_counter()
        picture = f"acceptance picture {file}"
        pixels = decode_picture(f"the {picture}", Path(request["folder"], file).read_bytes(), LIMITS).pixels
        take, read = partial(_Contender.take, pixels=pixels), partial(_Contender.read, picture=picture)
        take(new)
        served.does(take)
        _take_turns(new, served, new_first=len(answers) % 2 == 0)
        read(new)
        served.does(read)
        answers.append(_answer(file, expected, new.said, served.said))
        pause = min(rest, _REST * (time.perf_counter() - begin))
        time.sleep(pause)  # who asks the server meanwhile wants the processor, too
        rest -= pause
    until = time.perf_counter() + _LONGEST_REPEATING
    while len(new.seconds) < _LEAST_RUNS and time.perf_counter() < until:
        _take_turns(new, served, new_first=len(new.seconds) % 2 == 0)
    absent, beside = model.absent_device, served.contender
    other_device = absent or (beside.model.absent_device if beside is not None else "")
    run = AcceptanceRun(
        tuple(answers),
        () if absent else tuple(new.seconds),
        () if other_device or beside is None else tuple(beside.seconds),
        served.problem,
        f"no times, because {other_device} is not in this container" if other_device else "",
    )
    return asdict(run)


def _in_service(request: Mapping[str, Any], wanted: Acceptance, allowance: int, used: int) -> _InService:
    asked = request["served"]
    if asked is None:
        return _InService()
    try:
        folder, ours = Path(asked["folder"]), Path(request["folder"]).parent
        # it will need about as much more as its files are larger
        _raise_for_memory(used + used * _size(folder) / _size(ours), allowance)
        model = LoadedModel.load(folder, asked["settings"], allowance)
        return _InService(_Contender(model, CardPictures.of_request(asked)))
    except (RejectedError, RuntimeError, MemoryError, OSError) as error:
        if not is_short_of_memory(error):
            return _InService(problem=_cannot_be_asked(error))
        if wanted.max_slowdown is None and wanted.agree_with_served is None:
            return _InService(problem="not compared with the version in service, for want of memory")
        raise RejectedError(
            "acceptance compares it with the version in service, and both together need more than the "
            f"{format_size(allowance)} of memory that preflight may take here; make the container's memory "
            "limit or MODEL_SYNC_PREFLIGHT_MEMORY larger, or remove agree_with_served and max_slowdown"
        ) from error


def _size(folder: Path) -> int:
    """Bytes of the model's files in a version folder, one at least."""
    paths = (path for path in folder.rglob("*") if path.relative_to(folder).parts[0] != ACCEPTANCE_FOLDER)
    return sum(path.stat().st_size for path in paths if path.is_file()) or 1


def _raise_for_memory(needed: float, allowance: int) -> None:
    if needed > allowance:
        raise MemoryError


def _cannot_be_asked(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return f"the version in service cannot be asked here: {lines[-1].strip()[:_MAX_PROBLEM]}"


def _take_turns(new: _Contender, served: _InService, *, new_first: bool) -> None:
    if new_first:
        new.infer()
    served.does(_Contender.infer)
    if not new_first:
        new.infer()


def _answer(file: str, expected: str, said: list[str], served_said: str | None) -> PictureAnswer:
    return PictureAnswer(
        file,
        expected[:_TOLD],
        said[0][:_TOLD],
        said.index(expected) if expected in said[:_TOP] else None,
        served_said[:_TOLD] if served_said is not None else None,
        served_said in {None, said[0]},
    )
