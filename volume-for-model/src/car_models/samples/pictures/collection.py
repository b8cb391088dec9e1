"""Writing a folder of demonstration pictures and its list."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from edge_common.atomic_files import replace_file

from car_models.evaluating.classifier import Classifier
from car_models.evaluating.pictures import LIST_FILE, Entry, read_rgb
from car_models.samples.pictures.canvas import Picture, as_jpeg
from car_models.samples.pictures.drawn import DRAWINGS
from car_models.samples.pictures.stamps import PACKAGE, STAMPS, composed, licence_of_stamps


def write_collection(out: Path, stamps_root: Path | None, models: Sequence[Classifier]) -> tuple[Entry, ...]:
    """Write the pictures and their list into `out`; photos only if `stamps_root` is given. Raises OSError."""
    out.mkdir(parents=True, exist_ok=True)
    entries = []
    for entry, picture in _sources(stamps_root):
        replace_file(out / entry.file, as_jpeg(picture))
        seen = read_rgb(out / entry.file)
        right = tuple(m.model for m in models if m.classify(seen)[0].label == entry.expected)
        entries.append(Entry(**(asdict(entry) | {"recognised_by": right})))
    listing = {"pictures": [asdict(entry) for entry in entries]}
    replace_file(out / LIST_FILE, json.dumps(listing, indent=2).encode() + b"\n")
    return tuple(entries)


def _sources(stamps_root: Path | None) -> Iterator[tuple[Entry, Picture]]:
    if stamps_root is not None:
        licence = licence_of_stamps(stamps_root)
        for stamp in STAMPS:
            source = f"Debian package {PACKAGE}, {stamp.path}, on a grey background"
            yield Entry(f"{stamp.name}.jpg", stamp.shows, source, licence), composed(stamps_root, stamp)
    for name, (shows, draw) in DRAWINGS.items():
        yield Entry(f"{name}.jpg", shows, "drawn by car-models", "that of this project"), draw()
