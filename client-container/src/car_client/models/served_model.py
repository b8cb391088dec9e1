"""A model as the client uses it: what to feed, how to prepare a picture for it, how to read its answer."""

from dataclasses import dataclass, field
from enum import StrEnum

from edge_common.model_card import Activation, Color, Interpolation, Layout, ResizeMode, Triple

from car_client.kserve.tensors import DYNAMIC, TensorSpec


class FactSource(StrEnum):
    """Where the facts about a model come from, most trusted first."""

    CARD = "card"
    RT_INFO = "rt_info"
    SHAPES = "shapes"


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


NO_MEAN: Triple = (0.0, 0.0, 0.0)
NO_SCALE: Triple = (1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """From 8-bit RGB pixels to the input tensor.

    Resize to `height` x `width` pixels, order the channels as `color`, subtract `mean` and divide by `scale`
    (both in 0...255 units, in the order of `color`), lay out as `layout`, convert to `datatype`.
    """

    height: int
    width: int
    datatype: str
    layout: Layout
    color: Color
    mean: Triple = NO_MEAN
    scale: Triple = NO_SCALE
    resizing: Resizing = field(default_factory=Resizing)

    @property
    def keeps_pixel_values(self) -> bool:
        """Whether the tensor holds plain 0...255 values."""
        return self.mean == NO_MEAN and self.scale == NO_SCALE


@dataclass(frozen=True, slots=True)
class ServedModel:
    """One model at the version that answers; immutable, so that a request keeps to one description.

    `activation` None means that the source does not say; then the values themselves decide.
    `server_resizes` tells whether the server is known to stretch encoded pictures to the model's size.
    """

    name: str
    version: int
    input: TensorSpec
    output: TensorSpec
    preprocessing: Preprocessing
    source: FactSource
    labels: tuple[str, ...] | None = None
    activation: Activation | None = None
    top_k: int = 5
    min_probability: float = 0.0
    server_resizes: bool = False
    description: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def batch(self) -> int | None:
        """Pictures in one request; None when the model takes any number."""
        return None if self.input.shape[0] == DYNAMIC else self.input.shape[0]

    def label(self, index: int) -> str:
        """The name of class `index`; `class 7` when there is no label for it."""
        if self.labels is not None and index < len(self.labels):
            return self.labels[index]
        return f"class {index}"
