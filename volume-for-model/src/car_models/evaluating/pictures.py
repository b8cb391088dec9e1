"""Pictures to evaluate a model with: a list with labels, one folder a label, or of unknown content."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from edge_common.errors import RejectedError
from edge_common.pictures.decode import SUFFIXES, PictureLimits, decode_picture
from model_sync.upload import parse_expected
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

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
