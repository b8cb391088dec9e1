"""Encoded pictures (JPEG, PNG, BMP, …) as model input: decode, check, resize, stack.

Measured on OVMS 2026.2.1: pictures arrive as B, G, R; grey or transparent ones are refused for a model with
three channels; a picture is resized only when the model's layout is known to be NHWC.
"""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from edge_common.pictures.files import FULL_SCANS, jpeg_work

from ovms_lite.errors import Fault, RequestError
from ovms_lite.wire.tensors import Array, Dimension, TensorInfo

MAX_PIXELS = 2**26
"""A picture that claims more (8192 x 8192) is refused before memory is taken; OpenCV's own limit is 2^30."""
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MAX_PIXELS))
import cv2  # noqa: E402 - it reads the limit when it is loaded

_PNG = b"\x89PNG"
_IMAGE_RANK = 4
_IMAGE_TYPES = frozenset(("FP64", "FP32", "FP16", "UINT8", "INT8", "UINT16", "INT16", "INT32"))
_RESIZABLE = frozenset(("uint8", "uint16", "int16", "float32", "float64"))
_RESIZED_LAYOUTS = frozenset(("NHWC", "..."))


def takes_images(info: TensorInfo) -> bool:
    """Whether BYTES sent to this input mean encoded pictures."""
    return len(info.shape) == _IMAGE_RANK and info.element.kserve in _IMAGE_TYPES


def check_image_layout(info: TensorInfo) -> None:
    """Refuse pictures for an input that is not NHWC; OVMS does so when all inputs are known to fit."""
    if info.layout not in ("NHWC", "N...", "..."):
        raise RequestError(Fault.IMAGE_LAYOUT)


def decoding_work(pictures: Sequence[bytes | memoryview]) -> int:
    """About how many pixels a decoder draws for these pictures, each as often as it draws it.

    Raises RequestError for a JPEG file that is drawn absurdly often, and for more work than the largest
    picture makes.
    """
    works = [_work(picture) for picture in pictures]
    if sum(works) > MAX_PIXELS * FULL_SCANS:
        raise RequestError(Fault.IMAGE_UNREADABLE, "the pictures of one request have too many pixels")
    return sum(works)


def _work(picture: bytes | memoryview) -> int:
    jpeg = jpeg_work(picture)
    if jpeg is None:
        size = bytes(picture[16:24])
        is_png = bytes(picture[:4]) == _PNG
        return int.from_bytes(size[:4]) * int.from_bytes(size[4:]) if is_png else MAX_PIXELS
    if jpeg.is_too_much(MAX_PIXELS):
        raise RequestError(
            Fault.IMAGE_UNREADABLE,
            f"it draws its {jpeg.pixels} pixels {jpeg.scans} times or more; save it anew as an ordinary JPEG",
        )
    return jpeg.pixels * jpeg.scans


def decode_images(info: TensorInfo, pictures: Sequence[bytes | memoryview]) -> Array:
    """Pictures as one tensor of the input's type and shape; slow, run it in a thread.

    One after the other, and each refused by RequestError, in this order: when it cannot be decoded, has
    another size than the first where nothing is resized, other channels, or a size that the input does not
    take. Where sizes are a range, all become what is nearest to the first.
    """
    _, height, width, channels = info.shape
    may_resize = info.layout in _RESIZED_LAYOUTS and not (height.is_unbounded or width.is_unbounded)
    images: list[Array] = []
    size = (0, 0)
    for picture in pictures:
        image = _decode(picture)
        if not images:
            size = (_clamp(image.shape[0], height), _clamp(image.shape[1], width))
        elif not may_resize and image.shape[:2] != images[0].shape[:2]:
            raise RequestError(Fault.IMAGE_SIZES_DIFFER)
        if not channels.admits(image.shape[2]) or (images and image.shape[2] != images[0].shape[2]):
            raise RequestError(Fault.IMAGE_CHANNELS)
        if image.shape[:2] != size and not may_resize:
            raise RequestError(Fault.INPUT_SHAPE)
        images.append(_resize(_converted(image, info.element.numpy), size))
    tensor: Array = images[0][np.newaxis] if len(images) == 1 else np.stack(images)
    return np.ascontiguousarray(tensor)


def _decode(picture: bytes | memoryview) -> Array:
    """A picture of height, width and channels; raises RequestError."""
    encoded = np.frombuffer(picture, dtype=np.uint8)
    try:
        image = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED) if encoded.size else None
    except cv2.error as error:  # an absurd size, for instance
        raise RequestError(Fault.IMAGE_UNREADABLE) from error
    if image is None:
        raise RequestError(Fault.IMAGE_UNREADABLE)
    return image if image.ndim == 3 else image[:, :, np.newaxis]  # noqa: PLR2004 - height, width, channels


def _converted(image: Array, target: np.dtype[Any]) -> Array:
    """In the input's type; what is beyond it becomes its largest value, as OpenCV converts."""
    if target.kind in "iu" and image.dtype != target:
        limits = np.iinfo(target)
        whole = np.rint(image) if image.dtype.kind == "f" else image
        return np.clip(whole.astype(np.int64), limits.min, limits.max).astype(target)
    return image.astype(target, copy=False)


def _resize(image: Array, target: tuple[int, int]) -> Array:
    """Bilinear, the aspect ratio is not kept."""
    if image.shape[:2] == target:
        return image
    # OpenCV resizes no FP16 and no INT32; FP32 holds every value both can have here.
    resizable: Any = image if image.dtype.name in _RESIZABLE else image.astype(np.float32)
    resized: Array = cv2.resize(resizable, target[::-1], interpolation=cv2.INTER_LINEAR)
    return resized.reshape(*target, image.shape[2]).astype(image.dtype, copy=False)


def _clamp(size: int, dimension: Dimension) -> int:
    """The size, or the nearest border of a range."""
    return min(max(size, dimension.low), size if dimension.high is None else dimension.high)
