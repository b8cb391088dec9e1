"""Pictures to try a model with: a list with labels, one folder a label, or of unknown content."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from edge_common.errors import RejectedError
from edge_common.pictures.decode import SUFFIXES, PictureLimits, decode_picture
from numpy.typing import NDArray

from car_models.pictures.listing import LIST_FILE, read_list

_LIMITS: Final = PictureLimits(max_bytes=64 * 1024 * 1024, max_pixels=100_000_000)


@dataclass(frozen=True)
class TrialPicture:
    """A picture's file, its name for people, and the label of what it shows, None where nobody says."""

    path: Path
    name: str
    expected: str | None


def read_trial_pictures(folder: Path) -> tuple[TrialPicture, ...]:
    """The pictures in `folder`, in the order of their names.

    With a `pictures.json` those it lists. Else all picture files below it; one in a subfolder shows what the
    subfolder is called. Raises RejectedError when there are none.
    """
    if (folder / LIST_FILE).is_file():
        return tuple(
            TrialPicture(folder / entry.file, entry.file, entry.expected) for entry in read_list(folder)
        )
    if not folder.is_dir():
        raise RejectedError(
            f"{folder} is not a folder of pictures; give one, or make one: car-models pictures"
        )
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not paths:
        raise RejectedError(f"{folder} holds no pictures; put JPEG or PNG files there, one subfolder a label")
    return tuple(
        TrialPicture(
            path, path.relative_to(folder).as_posix(), path.parent.name if path.parent != folder else None
        )
        for path in paths
    )


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """The picture as the client would decode it, upright RGB [height,width,3]; raises RejectedError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RejectedError(f"the picture {path} cannot be read: {error.strerror}") from error
    return decode_picture(path.name, content, _LIMITS).pixels
