"""The preprocessing that EfficientNet-Lite was trained and evaluated with, written out from its formulas.

After the authors' code (tensorflow/tpu, models/official/efficientnet/preprocessing.py, Apache-2.0):
`_decode_and_center_crop` cuts the middle square of `size / (size + 32)` of the shorter side, then
`resize_bicubic` brings it to `size`; `lite/` normalises by mean 127 and scale 128. Plain numpy in 64 bits;
nothing of OpenCV, Pillow or this project. Two choices are ours: samples lie at pixel centres, as in
TensorFlow 2, OpenCV and Pillow, and the resized picture has 8 bits again, as the quantised Lite models get it
(without that rounding, probabilities of the demonstration pictures differ by up to 0.01).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_CROP_PADDING: Final = 32
_KEYS_A: Final = -0.75
"""The bicubic coefficient of TensorFlow 1's resize_bicubic, and of OpenCV."""


def reference_tensor(pixels: NDArray[np.uint8], size: int) -> NDArray[np.float32]:
    """RGB `pixels` [h,w,3] as [1,3,size,size]."""
    height, width = pixels.shape[:2]
    side = int(size / (size + _CROP_PADDING) * min(height, width))
    top, left = (height - side + 1) // 2, (width - side + 1) // 2
    square = pixels[top : top + side, left : left + side].astype(np.float64)
    rows = _cubic_weights(side, size)
    resized = np.einsum("yh,hwc,xw->cyx", rows, square, rows, optimize=True)
    normalised: NDArray[np.float32] = ((np.rint(resized).clip(0, 255) - 127) / 128).astype(np.float32)
    return normalised[None]


def _cubic_weights(have: int, want: int) -> NDArray[np.float64]:
    """[want,have]: what each source pixel counts for each wanted one; four of them count, edges repeat."""
    weights = np.zeros((want, have))
    for place in range(want):
        centre = (place + 0.5) * have / want - 0.5
        first = int(np.floor(centre)) - 1
        for source in range(first, first + 4):
            weights[place, min(max(source, 0), have - 1)] += _keys(abs(centre - source))
    return weights


def _keys(distance: float) -> float:
    a = _KEYS_A
    if distance <= 1:
        return (a + 2) * distance**3 - (a + 3) * distance**2 + 1
    return a * (distance**3 - 5 * distance**2 + 8 * distance - 4) if distance < 2 else 0.0
