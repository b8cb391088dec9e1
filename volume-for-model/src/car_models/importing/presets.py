"""Preprocessing that goes by a name: what the usual training programs do to a picture."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from edge_common.errors import RejectedError
from edge_common.model_card import Color, Interpolation, Resize, ResizeMode, Triple

from car_models.importing.checkpoints.architectures import Family

Sides = Mapping[int, int]
"""Model's size -> shorter side of the picture that it is cut from."""

_TORCHVISION: Final[Sides] = {224: 256, 240: 256, 288: 288, 300: 320, 380: 384, 456: 456, 528: 528, 600: 600}
"""EfficientNet_B0_Weights to B7_Weights (IMAGENET1K_V1) of torchvision 0.14."""
_TIMM: Final[Sides] = {320: 320, 384: 384}
"""The test sizes of timm 1.0's efficientnet_b3 and b4; others are cut as 0.875."""
_GOOGLE: Final[Sides] = {224: 256, 240: 272, 260: 292, 300: 331, 380: 412, 456: 488, 528: 560, 600: 632}
"""Of timm 1.0's crop_pct (0.875, 0.882, 0.89, 0.904 ...) of tf_efficientnet_b0 to b7 and lite0 to lite4."""
_WHOLE: Final[Sides] = {side: side for side in _GOOGLE}
"""What the example of efficientnet_pytorch does: Resize(size), CenterCrop(size)."""
_OF_FAMILY: Final[Mapping[Family, Sides]] = {
    Family.TORCHVISION: _TORCHVISION,
    Family.TIMM: _TIMM,
    Family.TIMM_TF: _GOOGLE,
    Family.EFFICIENTNET_PYTORCH: _WHOLE,
}


@dataclass(frozen=True)
class Preset:
    """Mean and scale are in 0...255 units, in the order of `color`."""

    says: str
    mean: Triple
    scale: Triple
    resize: Resize
    """Where `sides` does not know the model's size."""
    sides: Sides = field(default_factory=dict)
    by_family: bool = False
    """Whether the program that a checkpoint is of tells other `sides`."""
    color: Color = Color.RGB

    def resize_for(self, size: tuple[int, int], family: Family | None = None) -> Resize:
        """What is done to a picture for a model of `size` (height and width), trained with `family`."""
        sides = _OF_FAMILY[family] if self.by_family and family is not None else self.sides
        if size[0] != size[1] or size[0] not in sides:
            return self.resize
        return Resize(mode=ResizeMode.CROP, to=sides[size[0]], interpolation=self.resize.interpolation)


_CROP_LINEAR = Resize(mode=ResizeMode.CROP, fraction=0.875, interpolation=Interpolation.LINEAR)
_CROP_CUBIC = Resize(mode=ResizeMode.CROP, fraction=0.875, interpolation=Interpolation.CUBIC)
_IMAGENET: Final[tuple[Triple, Triple]] = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))

PRESETS: Final[Mapping[str, Preset]] = {
    "imagenet": Preset(
        "torchvision, timm: RGB, ImageNet's mean and deviation, middle 0.875 (224 of 256, 299 of 342)",
        *_IMAGENET,
        _CROP_LINEAR,
        {224: 256, 299: 342},
    ),
    "efficientnet": Preset(
        "EfficientNet: as imagenet, but cubic, and cut as the program that a checkpoint is of does, else as "
        "torchvision (224 of 256, 240 of 256, 288 of 288, 300 of 320, 380 of 384)",
        *_IMAGENET,
        _CROP_CUBIC,
        {**_GOOGLE, **_TORCHVISION},
        by_family=True,
    ),
    "efficientnet-timm": Preset(
        "timm's own efficientnet_b0 to b4: as imagenet, cubic, middle 0.875 (320 and 384 whole)",
        *_IMAGENET,
        _CROP_CUBIC,
        _TIMM,
    ),
    "efficientnet-tf": Preset(
        "timm's tf_efficientnet_b0 to b7: as imagenet, cubic, 224 of 256, 240 of 272, 260 of 292, 300 of 331",
        *_IMAGENET,
        _CROP_CUBIC,
        _GOOGLE,
    ),
    "efficientnet-lite": Preset(
        "EfficientNet-Lite: RGB, (x - 127) / 128, cubic, cut as efficientnet-tf",
        (127.0, 127.0, 127.0),
        (128.0, 128.0, 128.0),
        _CROP_CUBIC,
        _GOOGLE,
    ),
    "inception": Preset(
        "TensorFlow's Inception and MobileNet: RGB from -1 to 1, middle 0.875",
        (127.5, 127.5, 127.5),
        (127.5, 127.5, 127.5),
        _CROP_LINEAR,
    ),
    "unit": Preset("RGB from 0 to 1, stretched", (0.0, 0.0, 0.0), (255.0, 255.0, 255.0), Resize()),
    "pixels": Preset(
        "RGB from 0 to 255, stretched, as Keras' EfficientNet, which does the rest inside",
        (0.0, 0.0, 0.0),
        (1.0, 1.0, 1.0),
        Resize(),
    ),
}


def preset_named(name: str) -> Preset:
    """The preset `name`; raises RejectedError that lists the known ones."""
    if name not in PRESETS:
        raise RejectedError(f"there is no preset {name!r}; choose one of {', '.join(PRESETS)}")
    return PRESETS[name]
