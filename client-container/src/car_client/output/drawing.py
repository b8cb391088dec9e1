"""A picture with what the models say of it drawn below it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from edge_common.errors import FatalError
from edge_common.pictures.decode import SUFFIXES
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from car_client.pipeline.classifier import Classification

_PAPER = (255, 255, 255)
_INK = (22, 32, 31)
_SOFT = (85, 99, 106)
_BAR = (15, 118, 110)
_TRACK = (225, 230, 232)
_WIDTH = (320, 1280)
"""Narrower pictures are framed, wider ones are scaled down, so that the text is always readable."""
_TEXT = 16
_ROW = 26
_MARGIN = 12
_BAR_AT = 0.45
_SHARE_AT = 0.86


def annotated(pixels: NDArray[np.uint8], results: Sequence[Classification]) -> Image.Image:
    """RGB `pixels` [h,w,3], and below them a block of bars for each of `results`."""
    picture = Image.fromarray(pixels)
    picture.thumbnail((_WIDTH[1], 4 * _WIDTH[1]))
    width = max(picture.width, _WIDTH[0])
    rows = sum(1 + len(result.verdict.predictions) for result in results)
    sheet = Image.new("RGB", (width, picture.height + rows * _ROW + 2 * _MARGIN), _PAPER)
    sheet.paste(picture, ((width - picture.width) // 2, 0))
    draw = ImageDraw.Draw(sheet)
    top = picture.height + _MARGIN
    for result in results:
        _draw_result(draw, result, top, width)
        top += _ROW * (1 + len(result.verdict.predictions))
    return sheet


def _draw_result(draw: ImageDraw.ImageDraw, result: Classification, top: int, width: int) -> None:
    font = ImageFont.load_default(_TEXT)
    head = f"{result.model} {result.version}: {result.verdict.top1}"
    draw.text((_MARGIN, top), head, fill=_SOFT, font=font)
    left, right = int(width * _BAR_AT), int(width * _SHARE_AT)
    for prediction in result.verdict.predictions:
        top += _ROW
        draw.text((_MARGIN, top), prediction.label, fill=_INK, font=font)
        draw.rectangle((left, top + 5, right, top + 15), fill=_TRACK)
        end = left + round((right - left) * prediction.probability)
        draw.rectangle((left, top + 5, end, top + 15), fill=_BAR)
        draw.text((right + 8, top), f"{prediction.probability:.1%}", fill=_INK, font=font)


def annotation_paths(out: Path, names: Sequence[str]) -> Mapping[str, Path]:
    """Where the annotated picture of each name goes: `out` itself for one, else into the folder `out`.

    Raises FatalError when the folder cannot be made, or two pictures would get the same name.
    """
    if len(names) == 1 and out.suffix.lower() in SUFFIXES:
        return {names[0]: out}
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FatalError(f"the folder {out} cannot be made: {error.strerror}; name another") from error
    paths = {name: out / f"{Path(name).stem}.png" for name in names}
    if len(set(paths.values())) < len(names):
        raise FatalError(
            f"two of the pictures have the same name; annotate them into different folders than {out}"
        )
    return paths


def save_annotated(image: Image.Image, path: Path) -> None:
    """Write `image` in the format of the suffix of `path`. Raises FatalError."""
    try:
        image.save(path)
    except (OSError, ValueError, KeyError) as error:  # ValueError and KeyError: Pillow writes no such format
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise FatalError(f"{path} cannot be written: {reason}; name another file") from error
