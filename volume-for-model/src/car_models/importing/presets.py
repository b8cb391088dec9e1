"""Preprocessing that goes by a name: what the usual training programs do to a picture."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from edge_common.errors import RejectedError
from edge_common.model_card import Color, Interpolation, Resize, ResizeMode, Triple


@dataclass(frozen=True)
class Preset:
    """Mean and scale are in 0...255 units, in the order of `color`."""

    says: str
    mean: Triple
    scale: Triple
    resize: Resize
    color: Color = Color.RGB


_CROP_LINEAR = Resize(mode=ResizeMode.CROP, fraction=0.875, interpolation=Interpolation.LINEAR)
_CROP_CUBIC = Resize(mode=ResizeMode.CROP, fraction=0.875, interpolation=Interpolation.CUBIC)

PRESETS: Final[Mapping[str, Preset]] = {
    "imagenet": Preset(
        "torchvision, timm: RGB, ImageNet's mean and deviation, middle 0.875",
        (123.675, 116.28, 103.53),
        (58.395, 57.12, 57.375),
        _CROP_LINEAR,
    ),
    "efficientnet": Preset(
        "EfficientNet by timm and efficientnet_pytorch: as imagenet, resized with cubic interpolation",
        (123.675, 116.28, 103.53),
        (58.395, 57.12, 57.375),
        _CROP_CUBIC,
    ),
    "efficientnet-lite": Preset(
        "EfficientNet-Lite: RGB, (x - 127) / 128, middle 0.875",
        (127.0, 127.0, 127.0),
        (128.0, 128.0, 128.0),
        _CROP_CUBIC,
    ),
    "inception": Preset(
        "TensorFlow's Inception and MobileNet: RGB from -1 to 1",
        (127.5, 127.5, 127.5),
        (127.5, 127.5, 127.5),
        _CROP_LINEAR,
    ),
    "unit": Preset("RGB from 0 to 1", (0.0, 0.0, 0.0), (255.0, 255.0, 255.0), Resize()),
    "pixels": Preset(
        "RGB from 0 to 255, as Keras' EfficientNet, which does the rest inside",
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
