"""What is done to a picture to make a model's input tensor of it."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Self

import numpy as np

from edge_common.model_card import Color, ImageInput, Interpolation, Layout, Resize, ResizeMode, Triple

NO_MEAN: Final[Triple] = (0.0, 0.0, 0.0)
NO_SCALE: Final[Triple] = (1.0, 1.0, 1.0)


class PadAnchor(StrEnum):
    """Where a letterboxed picture lies in its frame."""

    CENTER = "center"
    TOP_LEFT = "top-left"


@dataclass(frozen=True, slots=True)
class Resizing:
    """How a picture of any shape becomes the model's size; meanings as in `edge_common.model_card.Resize`."""

    mode: ResizeMode = ResizeMode.STRETCH
    fraction: float = 1.0
    interpolation: Interpolation = Interpolation.LINEAR
    pad_value: float = 114.0
    anchor: PadAnchor = PadAnchor.CENTER
    to: int | tuple[int, int] | None = None
    antialias: bool = True

    @classmethod
    def of_card(cls, resize: Resize) -> Self:
        """As the card's `input.resize` says, whose fields have the same names."""
        return cls(**dict(resize))


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """From 8-bit RGB pixels to the input tensor.

    Resize to `height` x `width` pixels, order the channels as `color`, subtract `mean` and divide by `scale`
    (both in 0...255 units, in the order of `color`), lay out as `layout`, convert to `dtype`.
    """

    height: int
    width: int
    dtype: np.dtype[Any]
    layout: Layout
    color: Color
    mean: Triple = NO_MEAN
    scale: Triple = NO_SCALE
    resizing: Resizing = field(default_factory=Resizing)

    @classmethod
    def of_card(cls, image: ImageInput, size: tuple[int, int], dtype: np.dtype[Any]) -> Self:
        """As the card's `input` says, for a model that takes `size` (height and width) in `dtype`."""
        resizing = Resizing.of_card(image.resize)
        return cls(*size, dtype, image.layout, image.color, image.mean, image.scale, resizing)

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of one element of the batch."""
        size = (self.height, self.width)
        return (3, *size) if self.layout is Layout.NCHW else (*size, 3)

    @property
    def is_a_picture(self) -> bool:
        """Whether the tensor is what an image decoder makes: bytes, channels last, values as they are."""
        return self.keeps_pixel_values and self.layout is Layout.NHWC and self.dtype == np.uint8

    @property
    def keeps_pixel_values(self) -> bool:
        """Whether the tensor holds plain 0...255 values."""
        return self.mean == NO_MEAN and self.scale == NO_SCALE
