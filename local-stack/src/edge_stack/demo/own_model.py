"""The steps around a model that the person brings: into the bucket's layout, served, and answering alike."""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from edge_common.errors import RejectedError
from pydantic import BaseModel, TypeAdapter, ValidationError

from edge_stack.components import program
from edge_stack.demo.starting import LOADED_MODEL, OTHER_MODEL
from edge_stack.demo.steps import Findings, NotHeldError
from edge_stack.report.facts import Prediction

VERSION = 1
"""Its number in the demonstration's bucket, whatever it was outside."""
_WITHIN_SECONDS = 300.0
_ROUNDING = 0.02
"""How far a probability may differ: other numbers of threads sum in another order, in bf16 at times."""


@dataclass(frozen=True)
class OwnModel:
    """A model folder in the bucket's layout, a version folder, or a file as `car-models import` takes it."""

    path: Path
    import_flags: tuple[str, ...] = ()
    """Further flags of `car-models import`, for a file."""

    @property
    def name(self) -> str:
        """What it is called in the bucket; raises RejectedError for the name of a sample model."""
        path = self.path.resolve()
        own = path.stem
        if self.version_folder is not None:
            own = path.parent.name if path.name.isdecimal() else path.name
        name = re.sub(r"[^A-Za-z0-9_.-]", "_", own).lstrip("_.-")[:63] or "own_model"
        if name in (LOADED_MODEL, OTHER_MODEL):
            raise RejectedError(f"{self.path} is called as a sample model of the demonstration is; rename it")
        return name

    @property
    def version_folder(self) -> Path | None:
        """Its highest version where it is in the bucket's layout; None for a file and a SavedModel folder."""
        path = self.path.resolve()
        if not path.is_dir():
            return None
        if path.name.isdecimal():
            return path
        versions = [child for child in path.iterdir() if child.name.isdecimal() and child.is_dir()]
        return max(versions, key=lambda child: int(child.name), default=None)


class _Answered(BaseModel):
    file: str
    top: tuple[Prediction, ...]


_EVALUATED = TypeAdapter(tuple[_Answered, ...])


def bring(findings: Findings, own: OwnModel) -> str:
    """Import the file, or take the folder as it is; the sidecar's own code must find no fault with it."""
    if not own.path.exists():
        raise RejectedError(f"{own.path} is not there; name a model folder or file with --model")
    target = findings.models / own.name / str(VERSION)
    source = own.version_folder
    if source is None:
        place = ("--name", own.name, "--version", str(VERSION), "--out", findings.models)
        findings.car_models("import", own.path.resolve(), *place, *own.import_flags, within=_WITHIN_SECONDS)
        return f"{own.path.name} imported as {own.name}"
    shutil.copytree(source, target)
    loose = [file for file in source.parent.iterdir() if file.is_file() and not (target / file.name).exists()]
    if loose and not (target / "model.yaml").exists():  # a card for all versions, and what it names
        for file in loose:
            shutil.copyfile(file, target / file.name)
        (target / "SHA256SUMS").unlink(missing_ok=True)  # `push` writes it anew
    findings.car_models("check", target, within=_WITHIN_SECONDS)
    return f"{own.name} taken from version {source.name}"


def answers_alike(findings: Findings, own: OwnModel) -> str:
    """What the platform answered for every picture is what the model says when nothing is between."""
    plain = findings.pictures_from.with_name("pictures-without-labels")  # it may know other labels than ours
    plain.mkdir()
    for picture in findings.pictures_from.glob("*.jpg"):
        shutil.copyfile(picture, plain / picture.name)
    folder = findings.models / own.name / str(VERSION)
    try:
        evaluate = (program("car-models"), "evaluate", folder, "--pictures", plain)
        argv: list[str | Path] = [*evaluate, "--seconds", "0", "--as-served", "--json"]
        document = findings.stack.run_for_json("car-models", argv, {}, within=_WITHIN_SECONDS)
        evaluated = _EVALUATED.validate_python(document["models"][0]["pictures"])
    except (ValidationError, LookupError, TypeError, json.JSONDecodeError) as error:
        raise RejectedError(f"car-models evaluate --json answered something else: {error}") from error
    outside = {answer.file: answer.top for answer in evaluated}
    answers = [(fact.file, answer) for fact in findings.pictures for answer in fact.answers]
    inside = {file: answer.top for file, answer in answers if answer.model == own.name}
    different = [
        f"{file}: {top[0].label} outside, {inside[file][0].label} here"
        for file, top in outside.items()
        if file in inside and not alike(top, inside[file])
    ]
    if different or len(inside) != len(outside):
        raise NotHeldError("; ".join(different) or f"{len(inside)} of {len(outside)} pictures were answered")
    first = next(iter(inside.items()))
    return f"the same for {len(inside)} pictures, such as {first[1][0].label} for {first[0]}"


def alike(outside: tuple[Prediction, ...], inside: tuple[Prediction, ...]) -> bool:
    """Whether the first classes agree, or are so close that rounding decides between them."""
    if outside[0].label == inside[0].label:
        return abs(outside[0].probability - inside[0].probability) <= _ROUNDING
    there = {prediction.label: prediction.probability for prediction in outside}
    return abs(there.get(inside[0].label, -1.0) - outside[0].probability) <= _ROUNDING
