"""Pictures made for the tests, as files hold them."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

COLOURS = {"red": (230, 20, 10), "green": (20, 220, 30), "blue": (15, 25, 240)}


def plain(colour: str, *, size: tuple[int, int] = (12, 16)) -> NDArray[np.uint8]:
    """RGB pixels [height,width,3] of one colour."""
    return np.full((*size, 3), COLOURS[colour], np.uint8)


def encoded(pixels: NDArray[Any], kind: str = "PNG", **options: Any) -> bytes:
    """The file of `pixels` in the format `kind`."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def jpeg(colour: str, *, size: tuple[int, int] = (12, 16)) -> bytes:
    """A JPEG file of one colour."""
    return encoded(plain(colour, size=size), "JPEG", quality=95)
