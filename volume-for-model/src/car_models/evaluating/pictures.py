"""Pictures to evaluate a model with: a list with labels, one folder a label, or of unknown content.

Those with labels may become the acceptance of a version: what the sidecar tries it with before publishing it.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
from edge_common.errors import RejectedError
from edge_common.pictures.decode import SUFFIXES, PictureLimits, decode_picture
from model_sync.upload import (
    ACCEPTANCE_FOLDER,
    MAX_PICTURES,
    ExpectedLabel,
    format_expected,
    parse_expected,
    path_problem,
    quoted,
    unknown_label,
)
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from car_models.evaluating.classifier import card_of_version
from car_models.packaging.version_files import renew_sums

LIST_FILE: Final = "pictures.json"
EXPECTED_FILE: Final = "expected.csv"
"""`file,label`: what `car-client review` writes, and the acceptance pictures of a version."""
_MOST_PICTURES: Final = 100_000
_LIMITS: Final = PictureLimits(max_bytes=64 * 1024 * 1024, max_pixels=100_000_000)


@dataclass(frozen=True)
class LabelledPicture:
    """A picture's file, its name for people, and the label of what it shows, None where that is unknown."""

    path: Path
    name: str
    expected: str | None


@dataclass(frozen=True)
class Entry:
    """One line of `pictures.json`; `expected` is the label of what the picture shows, recognised or not."""

    file: str
    expected: str
    source: str
    licence: str
    recognised_by: tuple[str, ...] = ()


_ENTRIES = TypeAdapter(dict[str, tuple[Entry, ...]])


def read_list(folder: Path) -> tuple[Entry, ...]:
    """The entries of `folder`'s list; raises RejectedError when it is missing or wrong."""
    path = folder / LIST_FILE
    try:
        return _ENTRIES.validate_json(path.read_bytes())["pictures"]
    except (FileNotFoundError, KeyError, ValidationError) as error:
        raise RejectedError(
            f"{path} is not a list of pictures; make one: car-models pictures --out {folder}"
        ) from error


def read_labelled_pictures(folder: Path) -> tuple[LabelledPicture, ...]:
    """The pictures in `folder`, in the order of their names.

    With a `pictures.json` or an `expected.csv` those it lists. Else all picture files below it; one in a
    subfolder shows what the subfolder is called. Raises RejectedError when there are none.
    """
    if (folder / LIST_FILE).is_file():
        return tuple(
            LabelledPicture(folder / entry.file, entry.file, entry.expected) for entry in read_list(folder)
        )
    if (folder / EXPECTED_FILE).is_file():
        return _read_expected(folder)
    if not folder.is_dir():
        raise RejectedError(
            f"{folder} is not a folder of pictures; give one, or make one: car-models pictures"
        )
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not paths:
        raise RejectedError(f"{folder} holds no pictures; put JPEG or PNG files there, one subfolder a label")
    return tuple(
        LabelledPicture(
            path, path.relative_to(folder).as_posix(), path.parent.name if path.parent != folder else None
        )
        for path in paths
    )


def _read_expected(folder: Path) -> tuple[LabelledPicture, ...]:
    path = folder / EXPECTED_FILE
    try:
        expected = parse_expected(path.read_bytes(), str(path), _MOST_PICTURES)
    except OSError as error:
        raise RejectedError(f"{path} cannot be read: {error.strerror}") from error
    return tuple(
        LabelledPicture(folder / line.file, line.file, line.label)
        for line in sorted(expected, key=lambda line: line.file)
    )


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """The picture as the client would decode it, upright RGB [height,width,3]; raises RejectedError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RejectedError(f"the picture {path} cannot be read: {error.strerror}") from error
    return decode_picture(path.name, content, _LIMITS).pixels


def write_acceptance(version: Path, pictures: Sequence[LabelledPicture]) -> int:
    """Make those of `pictures` with a label the acceptance of the version in the folder `version`.

    They replace earlier ones; a SHA256SUMS there is written anew. Returns how many there are. Raises
    RejectedError when there are none, too many, or one with a label that the version's card does not have.
    """
    paths = {picture.name: picture.path for picture in pictures}
    expected = [ExpectedLabel(each.name, each.expected) for each in pictures if each.expected is not None]
    _raise_for(expected, version)
    try:
        with TemporaryDirectory(prefix=".acceptance-", dir=version.parent) as temporary:
            made = Path(temporary, ACCEPTANCE_FOLDER)
            for line in expected:
                copy = made / line.file
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(paths[line.file], copy)
            (made / EXPECTED_FILE).write_bytes(format_expected(expected))
            there = version / ACCEPTANCE_FOLDER
            if there.exists():
                there.rename(Path(temporary, "earlier"))
            made.rename(there)
        renew_sums(version)
    except OSError as error:
        raise RejectedError(f"{error.filename} cannot be read or written: {error.strerror}") from error
    return len(expected)


def _raise_for(expected: Sequence[ExpectedLabel], version: Path) -> None:
    if not 0 < len(expected) <= MAX_PICTURES:
        raise RejectedError(
            f"there are {len(expected)} pictures with a label; a version is tried with 1 to {MAX_PICTURES}, "
            "so give a folder with as many"
        )
    problem = unknown_label(expected, card_of_version(version).labels or ())
    if problem is not None:
        raise RejectedError(problem)
    for line in expected:
        problem = path_problem(line.file)
        if problem is not None:
            raise RejectedError(f"{quoted(line.file)} cannot be uploaded: {problem}; rename the picture")
