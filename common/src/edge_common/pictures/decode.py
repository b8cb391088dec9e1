"""From the bytes of a picture file to 8-bit RGB pixels, refusing all that is not a whole picture.

Pillow opens files, because unlike OpenCV it tells kind and size before decoding and reports a truncated file
instead of filling the missing part with grey. Whole colour JPEG files, the usual ones, are then decoded by
OpenCV, which gives the same pixels in a quarter of the time.
"""

import io
import struct
import time
import warnings
import zlib
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from edge_common.errors import RejectedError
from edge_common.pictures.jpeg_scans import jpeg_work
from edge_common.quantities import format_size

# A bomb warning printed to standard error helps nobody; as an exception it becomes a refusal below.
warnings.simplefilter("error", Image.DecompressionBombWarning)

FORMATS: Final = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif"})
_ORIENTATION_TAG: Final = 0x0112
_WIDE_GREY_MODES: Final = frozenset({"I;16", "I;16B", "I;16L", "I"})
_JPEG_END: Final = b"\xff\xd9"
_JPEG_TAIL: Final = 16
_DAMAGE: Final = (OSError, ValueError, SyntaxError, TypeError, EOFError, struct.error, zlib.error)
"""What Pillow's readers raise on damaged files; it promises no narrower set."""


class NotAPictureError(RejectedError):
    """The bytes are not a complete picture of a kind and size that is accepted."""


class PictureTooLargeError(NotAPictureError):
    """It may well be a picture, but one with more bytes, pixels or work than are accepted."""


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """What is refused before any work is spent on it."""

    max_bytes: int
    max_pixels: int


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture file and what is in it: upright RGB pixels [height,width,3].

    `plain_jpeg`: every decoder gets these pixels from the file, being a colour JPEG that is not rotated.
    """

    name: str
    content: bytes
    pixels: NDArray[np.uint8]
    plain_jpeg: bool
    decode_seconds: float


def decode_picture(name: str, content: bytes, limits: PictureLimits) -> Picture:
    """Decode the whole file, after its kind and size were checked; `name` is for messages.

    The first picture of an animation counts. The higher byte is kept of 16-bit values; transparent parts
    become white. Raises NotAPictureError for what is not a picture, is damaged or cut off, and its subclass
    PictureTooLargeError for what exceeds `limits`.
    """
    start = time.perf_counter()
    if not content:
        raise NotAPictureError(f"{name} is empty; send the whole file")
    if len(content) > limits.max_bytes:
        raise PictureTooLargeError(
            f"{name} has more than {format_size(limits.max_bytes)}; send a smaller picture"
        )
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            width, height = image.size
            if width * height > limits.max_pixels:
                raise PictureTooLargeError(
                    f"{name} has {width}x{height} pixels; at most {limits.max_pixels} are accepted, "
                    "send a smaller picture"
                )
            work = jpeg_work(content)
            if work is not None and work.is_too_much(limits.max_pixels):
                raise PictureTooLargeError(
                    f"{name} draws its {width}x{height} pixels {work.scans} times or more; "
                    "save it anew as an ordinary JPEG"
                )
            rotated = image.getexif().get(_ORIENTATION_TAG, 1) not in {0, 1}
            plain_jpeg = image.format == "JPEG" and image.mode == "RGB" and not rotated
            if plain_jpeg and _is_whole_jpeg(content):
                pixels = _decode_jpeg(content)
            else:
                pixels = _as_rgb(ImageOps.exif_transpose(image) if rotated else image)
    except UnidentifiedImageError as error:
        raise NotAPictureError(
            f"{name} is not a picture; JPEG, PNG, WebP, BMP and GIF files can be classified"
        ) from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise PictureTooLargeError(
            f"{name} has too many pixels; at most {limits.max_pixels} are accepted, send a smaller picture"
        ) from error
    except _DAMAGE as error:
        raise NotAPictureError(f"{name} is incomplete or damaged ({error}); send the whole file") from error
    return Picture(name, content, pixels, plain_jpeg, time.perf_counter() - start)


def _is_whole_jpeg(content: bytes) -> bool:
    """Whether the end-of-image mark is where it belongs; some cameras add a few bytes after it."""
    return _JPEG_END in content[-_JPEG_TAIL:]


def _decode_jpeg(content: bytes) -> NDArray[np.uint8]:
    """By OpenCV, four times faster than Pillow; the caller made sure of size, kind and end."""
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    if pixels is None:
        raise OSError("the JPEG data cannot be decoded")
    return np.asarray(pixels, np.uint8)


def _as_rgb(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode in _WIDE_GREY_MODES:
        grey = (np.asarray(image, dtype=np.int64) >> 8).clip(0, 255).astype(np.uint8)
        return np.ascontiguousarray(np.repeat(grey[..., None], 3, axis=2))
    if image.has_transparency_data:
        solid = image.convert("RGBA")
        white = Image.new("RGBA", solid.size, "white")
        return np.asarray(Image.alpha_composite(white, solid).convert("RGB"))
    return np.asarray(image.convert("RGB"))
