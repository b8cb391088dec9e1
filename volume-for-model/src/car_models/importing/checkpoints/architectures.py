"""The members of the EfficientNet family, and what weights do not tell of the program that trained them.

Tan and Le's EfficientNet has squeeze-and-excite and swish; Google's EfficientNet-Lite (tensorflow/tpu,
`efficientnet/lite`) has neither, uses ReLU6, and does not repeat the first and last stage.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from math import ceil

MEAN = 127.0
SCALE = 128.0
"""The Lite networks take RGB pixels as `(x - MEAN) / SCALE` with x in 0...255."""
CLASSES = 1000
_STAGES = ((1, 3, 1), (2, 3, 2), (2, 5, 2), (3, 3, 2), (3, 5, 1), (4, 5, 2), (1, 3, 1))
"""Repeats at depth 1.0, kernel, and stride of the first block, per stage."""
_LAST_CHANNELS = 320
"""What the last block gives at width 1.0."""


@dataclass(frozen=True)
class Architecture:
    """A member of the family; channel counts follow from the shapes of its weights."""

    name: str
    depth: float
    """Multiplies the repeats of the stages; in Lite not those of the first and the last."""
    width: float
    """Multiplies the channels; only used to tell members of the same depth apart."""
    size: int
    """Height and width of the input it was designed for, in pixels."""
    lite: bool = False

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Kernel and stride of every block, in order."""
        for (_repeats, kernel, stride), count in zip(_STAGES, self.stages(), strict=True):
            yield kernel, stride
            yield from [(kernel, 1)] * (count - 1)

    def stages(self) -> Iterator[int]:
        """Number of blocks of every stage."""
        for index, (repeats, _kernel, _stride) in enumerate(_STAGES):
            at_an_end = index in (0, len(_STAGES) - 1)
            yield repeats if self.lite and at_an_end else ceil(repeats * self.depth)

    @property
    def last_channels(self) -> int:
        """What the last block gives."""
        return round(_LAST_CHANNELS * self.width)

    def size_in(self, family: "Family") -> int:
        """Height and width that `family` trains it with, in pixels."""
        return _OTHER_SIZES.get((family, self.name), self.size)


LITE0 = Architecture("EfficientNet-Lite0", depth=1.0, width=1.0, size=224, lite=True)
LITE1 = Architecture("EfficientNet-Lite1", depth=1.1, width=1.0, size=240, lite=True)
LITE2 = Architecture("EfficientNet-Lite2", depth=1.2, width=1.1, size=260, lite=True)
B0 = Architecture("EfficientNet-B0", depth=1.0, width=1.0, size=224)
B1 = Architecture("EfficientNet-B1", depth=1.1, width=1.0, size=240)
B2 = Architecture("EfficientNet-B2", depth=1.2, width=1.1, size=260)
B3 = Architecture("EfficientNet-B3", depth=1.4, width=1.2, size=300)
ARCHITECTURES = (LITE0, LITE1, LITE2, B0, B1, B2, B3)


@dataclass(frozen=True)
class Conventions:
    """What weights do not tell of the framework they were trained in."""

    same_padding: bool
    """TensorFlow's SAME_UPPER, else the same number of pixels on all sides."""
    epsilon: float
    """Added to the variance in batch normalisation."""


TENSORFLOW = Conventions(same_padding=True, epsilon=1e-3)
TORCH = Conventions(same_padding=False, epsilon=1e-5)


class Family(StrEnum):
    """Which program's network the weights were trained with."""

    EFFICIENTNET_PYTORCH = "efficientnet_pytorch"
    TIMM = "timm"
    TIMM_TF = "timm-tf"
    """timm's tf_efficientnet_*: timm's names with TensorFlow's padding and epsilon."""
    TORCHVISION = "torchvision"

    @property
    def conventions(self) -> Conventions:
        """Padding and epsilon of that program."""
        return TORCH if self in (Family.TIMM, Family.TORCHVISION) else TENSORFLOW


_OTHER_SIZES = {
    (Family.TIMM, B2.name): 256,
    (Family.TIMM, B3.name): 288,
    (Family.TORCHVISION, B2.name): 288,
}
"""Where a program trains a network for another size than it was designed for (timm 1.0, torchvision 0.14)."""
