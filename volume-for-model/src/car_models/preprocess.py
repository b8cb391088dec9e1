"""From a decoded picture to a model's input tensor, by the model card.

Pure functions on arrays. Pictures are H x W x 3, u8, BGR, as OpenCV decodes them.
"""

from typing import Any, Final

import cv2
import numpy as np
from edge_common.model_card import Color, ImageInput, Interpolation, Layout, Resize, ResizeMode
from numpy.typing import DTypeLike, NDArray

Picture = NDArray[np.uint8]

_KERNELS: Final = {
    Interpolation.NEAREST: cv2.INTER_NEAREST,
    Interpolation.LINEAR: cv2.INTER_LINEAR,
    Interpolation.CUBIC: cv2.INTER_CUBIC,
    Interpolation.AREA: cv2.INTER_AREA,
}


def input_tensor(
    picture: Picture, image: ImageInput, size: tuple[int, int], dtype: DTypeLike
) -> NDArray[Any]:
    """The tensor [1,3,H,W] or [1,H,W,3] of type `dtype` that the model takes for `picture`.

    `size` is the model's height and width. The steps: resize, colour order, mean and scale, layout.
    """
    pixels: NDArray[Any] = resized(picture, image.resize, size)
    if image.color is Color.RGB:
        pixels = pixels[..., ::-1]
    if any(image.mean) or any(factor != 1 for factor in image.scale):
        mean, scale = np.array(image.mean, np.float32), np.array(image.scale, np.float32)
        pixels = (pixels.astype(np.float32) - mean) / scale
    if image.layout is Layout.NCHW:
        pixels = pixels.transpose(2, 0, 1)
    if np.issubdtype(dtype, np.integer) and pixels.dtype != dtype:
        bounds = np.iinfo(np.dtype(dtype))
        pixels = np.rint(pixels).clip(bounds.min, bounds.max)
    return np.ascontiguousarray(pixels[None], dtype=dtype)


def resized(picture: Picture, resize: Resize, size: tuple[int, int]) -> Picture:
    """`picture` brought to `size` (height, width) as the card's `resize` says."""
    match resize.mode:
        case ResizeMode.STRETCH:
            return _scaled(picture, size, resize.interpolation)
        case ResizeMode.CROP:
            return _scaled(_middle_square(picture, resize.fraction), size, resize.interpolation)
        case ResizeMode.LETTERBOX:
            return _letterboxed(picture, resize, size)


def _scaled(picture: Picture, size: tuple[int, int], interpolation: Interpolation) -> Picture:
    scaled = cv2.resize(picture, (size[1], size[0]), interpolation=_KERNELS[interpolation])
    return np.asarray(scaled, np.uint8)


def _middle_square(picture: Picture, fraction: float) -> Picture:
    height, width = picture.shape[:2]
    side = max(1, round(min(height, width) * fraction))
    top, left = (height - side) // 2, (width - side) // 2
    return picture[top : top + side, left : left + side]


def _letterboxed(picture: Picture, resize: Resize, size: tuple[int, int]) -> Picture:
    height, width = picture.shape[:2]
    factor = min(size[0] / height, size[1] / width)
    inner = (max(1, round(height * factor)), max(1, round(width * factor)))
    top, left = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    framed = np.full((*size, 3), round(resize.pad_value), np.uint8)
    framed[top : top + inner[0], left : left + inner[1]] = _scaled(picture, inner, resize.interpolation)
    return framed
