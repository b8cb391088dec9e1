"""A folder of demonstration pictures and its list, `pictures.json`."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from edge_common.atomic_files import replace_file
from edge_common.errors import RejectedError
from pydantic import TypeAdapter, ValidationError

from car_models.classifier import Classifier, read_picture
from car_models.pictures.canvas import Picture, as_jpeg
from car_models.pictures.drawn import DRAWINGS
from car_models.pictures.stamps import PACKAGE, STAMPS, composed, licence_of_stamps

LIST_FILE: Final = "pictures.json"


@dataclass(frozen=True)
class Entry:
    """One line of `pictures.json`; `expected` is the label of what the picture shows, recognised or not."""

    file: str
    expected: str
    source: str
    licence: str
    recognised_by: tuple[str, ...] = ()


_ENTRIES = TypeAdapter(dict[str, tuple[Entry, ...]])


def write_collection(out: Path, stamps_root: Path | None, models: Sequence[Classifier]) -> tuple[Entry, ...]:
    """Write the pictures and their list into `out`; photos only if `stamps_root` is given. Raises OSError."""
    out.mkdir(parents=True, exist_ok=True)
    entries = []
    for entry, picture in _sources(stamps_root):
        replace_file(out / entry.file, as_jpeg(picture))
        seen = read_picture(out / entry.file)
        right = tuple(m.model for m in models if m.classify(seen)[0].label == entry.expected)
        entries.append(Entry(**(asdict(entry) | {"recognised_by": right})))
    listing = {"pictures": [asdict(entry) for entry in entries]}
    replace_file(out / LIST_FILE, json.dumps(listing, indent=2).encode() + b"\n")
    return tuple(entries)


def read_collection(folder: Path) -> tuple[Entry, ...]:
    """The entries of `folder`'s list; raises RejectedError when it is missing or wrong."""
    path = folder / LIST_FILE
    try:
        return _ENTRIES.validate_json(path.read_bytes())["pictures"]
    except (FileNotFoundError, KeyError, ValidationError) as error:
        raise RejectedError(
            f"{path} is not a list of pictures; make one: car-models pictures --out {folder}"
        ) from error


def _sources(stamps_root: Path | None) -> Iterator[tuple[Entry, Picture]]:
    if stamps_root is not None:
        licence = licence_of_stamps(stamps_root)
        for stamp in STAMPS:
            source = f"Debian package {PACKAGE}, {stamp.path}, on a grey background"
            yield Entry(f"{stamp.name}.jpg", stamp.shows, source, licence), composed(stamps_root, stamp)
    for name, (shows, draw) in DRAWINGS.items():
        yield Entry(f"{name}.jpg", shows, "drawn by car-models", "that of this project"), draw()
