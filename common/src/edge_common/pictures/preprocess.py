"""From 8-bit RGB pixels to the elements of a model's input tensor."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from math import floor
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge_common.model_card import Color, Interpolation, Layout, ResizeMode
from edge_common.pictures.steps import PadAnchor, Preprocessing, Resizing

_FILTERS: Final[Mapping[Interpolation, Image.Resampling]] = {
    Interpolation.NEAREST: Image.Resampling.NEAREST,
    Interpolation.LINEAR: Image.Resampling.BILINEAR,
    Interpolation.CUBIC: Image.Resampling.BICUBIC,
    Interpolation.LANCZOS: Image.Resampling.LANCZOS,
    Interpolation.AREA: Image.Resampling.BOX,
}
"""With antialiasing."""
_KERNELS: Final[Mapping[Interpolation, int]] = {
    Interpolation.NEAREST: cv2.INTER_NEAREST,
    Interpolation.LINEAR: cv2.INTER_LINEAR,
    Interpolation.CUBIC: cv2.INTER_CUBIC,
    Interpolation.LANCZOS: cv2.INTER_LANCZOS4,
    Interpolation.AREA: cv2.INTER_AREA,
}
"""Without."""
_ROUNDING: Final = 1e-6
_LARGEST_WHOLE: Final = 2**26
"""Pixels that a picture may have before it is cut; a thin one is blown up to any number of them."""
_Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in pixels."""


def preprocess(
    pixels: NDArray[np.uint8], steps: Preprocessing, *, into: NDArray[Any] | None = None
) -> NDArray[Any]:
    """One element of the batch: [3,H,W] or [H,W,3] of type `steps.dtype`, from RGB `pixels` [h,w,3].

    It is written to `into`, of that shape and type, when it is given.
    """
    resized = resize(pixels, (steps.height, steps.width), steps.resizing)
    tensor: NDArray[Any] = np.empty(steps.shape, steps.dtype) if into is None else into
    if steps.is_a_picture:
        tensor[...] = resized if steps.color is Color.RGB else cv2.cvtColor(resized, cv2.COLOR_RGB2BGR)
        return tensor
    # Looking up is twice as fast where a channel's values lie side by side.
    planes = [np.asarray(plane, np.uint8) for plane in cv2.split(resized)]
    ordered = planes if steps.color is Color.RGB else planes[::-1]
    for channel, (values, plane) in enumerate(zip(_value_of_each_level(steps), ordered, strict=True)):
        out = tensor[channel] if steps.layout is Layout.NCHW else tensor[..., channel]
        np.take(values, plane, out=out, mode="clip")
    return tensor


@lru_cache(maxsize=64)
def _value_of_each_level(steps: Preprocessing) -> NDArray[Any]:
    """[3,256]: what becomes of each level in each channel; twice as fast as computing every pixel."""
    levels = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    plain = steps.keeps_pixel_values and steps.dtype.kind in "fu"
    return np.ascontiguousarray((levels.astype(steps.dtype) if plain else _normalised(levels, steps)).T)


def _normalised(ordered: NDArray[np.uint8], steps: Preprocessing) -> NDArray[Any]:
    mean = np.asarray(steps.mean, dtype=np.float32)
    scale = np.asarray(steps.scale, dtype=np.float32)
    values: NDArray[np.float32] = (ordered.astype(np.float32) - mean) / scale
    if steps.dtype.kind != "f":
        bounds = np.iinfo(steps.dtype)
        values = np.rint(values).clip(bounds.min, bounds.max)
    converted: NDArray[Any] = values.astype(steps.dtype)
    return converted


def resize(pixels: NDArray[np.uint8], size: tuple[int, int], how: Resizing) -> NDArray[np.uint8]:
    """`pixels` [h,w,3] as [size,3], where `size` is height and width.

    `crop` gives the pixels of torchvision's and timm's Resize and CenterCrop: the whole picture is brought to
    `to`, or to what makes `size` the part `fraction` of it, and `size` is cut out of the middle. Without
    antialiasing sizes and cuts round as albumentations 2.0 and PaddleClas do, which resize by OpenCV.
    `letterbox` keeps everything and fills the rest with `pad_value`.
    """
    if how.mode is ResizeMode.CROP:
        return _cropped(pixels, size, how)
    if how.mode is ResizeMode.LETTERBOX:
        return _letterboxed(pixels, size, how)
    return _scaled(pixels, size, how)


def _scaled(
    pixels: NDArray[np.uint8], size: tuple[int, int], how: Resizing, box: _Box | None = None
) -> NDArray[np.uint8]:
    """`pixels`, or the `box` of them, in another size."""
    if pixels.shape[:2] == size and box is None:
        return pixels
    shape = (size[1], size[0])
    if how.antialias or box is not None:
        picture = Image.fromarray(pixels)  # `reducing_gap` would be faster and is another picture
        return np.asarray(picture.resize(shape, _FILTERS[how.interpolation], box=box, reducing_gap=None))
    return np.asarray(cv2.resize(pixels, shape, interpolation=_KERNELS[how.interpolation]), dtype=np.uint8)


def _cropped(pixels: NDArray[np.uint8], size: tuple[int, int], how: Resizing) -> NDArray[np.uint8]:
    if not how.antialias and how.to is None:  # as TensorFlow does, which cuts first
        return _scaled(_centre(pixels, size, how.fraction), size, how)
    height, width = whole = _size_before_the_cut(pixels.shape[:2], size, how)
    if not how.antialias and height * width <= _LARGEST_WHOLE:
        top, left = (height - size[0]) // 2, (width - size[1]) // 2
        return _scaled(pixels, whole, how)[top : top + size[0], left : left + size[1]]
    top, left = round((height - size[0]) / 2), round((width - size[1]) / 2)
    # Only the part that is kept is computed; its pixels are those of the whole picture in the other size.
    down, across = pixels.shape[0] / height, pixels.shape[1] / width
    right, bottom = (
        min((left + size[1]) * across, pixels.shape[1]),
        min((top + size[0]) * down, pixels.shape[0]),
    )
    return _scaled(pixels, size, how, (left * across, top * down, right, bottom))


def _size_before_the_cut(have: tuple[int, ...], size: tuple[int, int], how: Resizing) -> tuple[int, int]:
    """Height and width of the whole picture in the scale of what is cut out of it; at least `size`."""
    match how.to:
        case (height, width):
            pass
        case int() as shorter:
            height, width = _covering(have, (shorter, shorter), int if how.antialias else round)
        case None:
            wanted = (floor(size[0] / how.fraction + _ROUNDING), floor(size[1] / how.fraction + _ROUNDING))
            height, width = _covering(have, wanted, int)
    return max(height, size[0]), max(width, size[1])


def _covering(
    have: tuple[int, ...], wanted: tuple[int, int], rounded: Callable[[float], int]
) -> tuple[int, int]:
    """The smallest size with the proportions of `have` that covers `wanted`; torchvision rounds by `int`."""
    if wanted[0] * have[1] >= wanted[1] * have[0]:
        return wanted[0], rounded(wanted[0] * have[1] / have[0])
    return rounded(wanted[1] * have[0] / have[1]), wanted[1]


def _centre(pixels: NDArray[np.uint8], size: tuple[int, int], fraction: float) -> NDArray[np.uint8]:
    have_height, have_width = pixels.shape[:2]
    unit = min(have_height / size[0], have_width / size[1]) * fraction
    height = min(max(round(size[0] * unit), 1), have_height)
    width = min(max(round(size[1] * unit), 1), have_width)
    top, left = (have_height - height) // 2, (have_width - width) // 2
    return pixels[top : top + height, left : left + width]


def _letterboxed(pixels: NDArray[np.uint8], size: tuple[int, int], how: Resizing) -> NDArray[np.uint8]:
    have_height, have_width = pixels.shape[:2]
    factor = min(size[0] / have_height, size[1] / have_width)
    height = min(max(round(have_height * factor), 1), size[0])
    width = min(max(round(have_width * factor), 1), size[1])
    framed = np.full((*size, 3), round(how.pad_value), dtype=np.uint8)
    centred = how.anchor is PadAnchor.CENTER
    top = (size[0] - height) // 2 if centred else 0
    left = (size[1] - width) // 2 if centred else 0
    framed[top : top + height, left : left + width] = _scaled(pixels, (height, width), how)
    return framed
