"""Encoded pictures (JPEG, PNG, BMP, …) as model input: decode, check, resize, stack.

Measured on OVMS 2026.2.1: pictures arrive as B, G, R; grey or transparent ones are refused for a model with
three channels; a picture is resized only when the model's layout is known to be NHWC.
"""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from edge_common.pictures.jpeg_scans import FULL_SCANS, jpeg_work

from ovms_lite.errors import Fault, RequestError
from ovms_lite.wire.input_checks import check_batch
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


def check_image_count(info: TensorInfo, count: int) -> None:
    """Refuse pictures for an input that is not NHWC, or in a number it does not take; before any decoding."""
    if info.layout not in ("NHWC", "N...", "..."):
        raise RequestError(Fault.IMAGE_LAYOUT)
    check_batch(info, count)


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

    Raises RequestError when one cannot be decoded, has other channels, or another size and no resizing is
    allowed.
    """
    _, height, width, channels = info.shape
    images: list[Array] = []
    for picture in pictures:
        image = _decode(info, picture, channels)
        if info.layout in _RESIZED_LAYOUTS and not (height.is_unbounded or width.is_unbounded):
            image = _resize(image, height, width)
        if images and image.shape != images[0].shape:
            raise RequestError(Fault.IMAGE_SIZES_DIFFER)
        images.append(image)
    tensor: Array = images[0][np.newaxis] if len(images) == 1 else np.stack(images)
    if not all(d.admits(size) for d, size in zip(info.shape, tensor.shape, strict=True)):
        raise RequestError(Fault.INPUT_SHAPE)
    return np.ascontiguousarray(tensor)


def _decode(info: TensorInfo, picture: bytes | memoryview, channels: Dimension) -> Array:
    encoded = np.frombuffer(picture, dtype=np.uint8)
    try:
        image = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED) if encoded.size else None
    except cv2.error as error:  # an absurd size, for instance
        raise RequestError(Fault.IMAGE_UNREADABLE) from error
    if image is None:
        raise RequestError(Fault.IMAGE_UNREADABLE)
    colored = image if image.ndim == 3 else image[:, :, np.newaxis]  # noqa: PLR2004 - height, width, channels
    if not channels.admits(colored.shape[2]):
        raise RequestError(Fault.IMAGE_CHANNELS)
    converted: Array = colored.astype(info.element.numpy, copy=False)
    return converted


def _resize(image: Array, height: Dimension, width: Dimension) -> Array:
    """To the only size, or the nearest border of a range; bilinear, the aspect ratio is not kept."""
    target = (_clamp(image.shape[0], height), _clamp(image.shape[1], width))
    if image.shape[:2] == target:
        return image
    # OpenCV resizes no FP16 and no INT32; FP32 holds every value both can have here.
    resizable: Any = image if image.dtype.name in _RESIZABLE else image.astype(np.float32)
    resized: Array = cv2.resize(resizable, target[::-1], interpolation=cv2.INTER_LINEAR)
    return resized.reshape(*target, image.shape[2]).astype(image.dtype, copy=False)


def _clamp(size: int, dimension: Dimension) -> int:
    return min(max(size, dimension.low), size if dimension.high is None else dimension.high)
