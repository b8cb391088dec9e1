"""The steps around pictures: what the models say, and that the running client says it too."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from edge_common.errors import RejectedError
from pydantic import BaseModel, TypeAdapter, ValidationError

from edge_stack.demo.steps import Findings, NotHeldError
from edge_stack.processes.waiting import wait_until
from edge_stack.report.facts import PictureAnswer, PictureFact, Prediction
from edge_stack.report.page import picture_as_data_uri

_WITHIN_SECONDS = 60.0
_SHOWN_CLASSES = 5


class _Picture(BaseModel):
    file: str
    expected: str
    source: str
    licence: str
    recognised_by: tuple[str, ...]


_PICTURES = TypeAdapter(dict[str, tuple[_Picture, ...]])


class _Result(BaseModel):
    image: str
    model: str
    version: int
    predictions: tuple[Prediction, ...]
    latency_ms: float


class _Results(BaseModel):
    results: tuple[_Result, ...]


def classify_pictures(findings: Findings, models: int) -> str:
    """Classify every picture with every model; what a model recognises outside the platform, it must here."""
    pictures = _read_list(findings.pictures_from / "pictures.json")
    paths = [findings.pictures_from / picture.file for picture in pictures]
    try:
        answer = findings.stack.classify("--top-k", str(_SHOWN_CLASSES), *paths)
        results = _Results.model_validate(answer).results
    except ValidationError as error:
        raise RejectedError(f"car-client classify --json answered something else: {error}") from error
    for picture, path in zip(pictures, paths, strict=True):
        answers = [result for result in results if result.image == str(path)]
        if len(answers) != models:
            raise NotHeldError(f"{len(answers)} models answered for {picture.file}, not {models}")
        findings.pictures.append(_fact(picture, path, answers))
    wrong = [
        f"{answer.model} says {answer.top[0].label} to {picture.file}"
        for picture, fact in zip(pictures, findings.pictures, strict=True)
        for answer in fact.answers
        if answer.model in picture.recognised_by and not answer.agrees
    ]
    if wrong:
        raise NotHeldError("; ".join(wrong))
    right = sum(answer.agrees for fact in findings.pictures for answer in fact.answers)
    return f"{len(pictures)} pictures, {len(results)} answers, {right} of them the expected label"


def client_uses_every_model(findings: Findings, models: int) -> str:
    """Pictures that arrive in the watched folder are classified with every model by the running client."""
    paths = sorted(findings.pictures_from.glob("*.jpg"))
    names = {path.name for path in paths}
    for path in paths:
        arriving = findings.stack.folder.pictures / f".{path.name}.part"
        shutil.copyfile(path, arriving)
        arriving.rename(arriving.with_name(path.name))
    log = findings.stack.component("client").command.log

    def look() -> str | None:
        findings.stack.component("client").raise_if_ended()
        seen = {(Path(str(line.get("image"))).name, line.get("model")) for line in _inferences(log)}
        done = sum(name in names for name, _ in seen)
        return None if done == len(names) * models else f"{done} of {len(names) * models} are in its log"

    seconds = wait_until("the client's inferences", look, within=_WITHIN_SECONDS * findings.patience)
    return f"{len(names)} pictures by {models} models in {seconds:.1f} s, as its log shows"


def _read_list(path: Path) -> tuple[_Picture, ...]:
    try:
        return _PICTURES.validate_json(path.read_bytes())["pictures"]
    except (OSError, KeyError, ValidationError) as error:
        raise RejectedError(f"{path} is not a list of pictures as car-models writes it: {error}") from error


def _fact(picture: _Picture, path: Path, answers: list[_Result]) -> PictureFact:
    found = [
        PictureAnswer(
            model=answer.model,
            version=answer.version,
            latency_ms=answer.latency_ms,
            top=answer.predictions,
            agrees=bool(answer.predictions) and answer.predictions[0].label == picture.expected,
        )
        for answer in answers
    ]
    known = picture.model_dump(exclude={"recognised_by"})
    return PictureFact(**known, data_uri=picture_as_data_uri(path), answers=tuple(found))


def _inferences(log: Path) -> Iterator[dict[str, object]]:
    """The `inference` events of a client's log, a line at a time; a line still being written is left out."""
    for text in log.read_text(errors="replace").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict) and line.get("event") == "inference":
            yield line
