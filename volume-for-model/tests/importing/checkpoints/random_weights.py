"""State dicts of EfficientNet with random weights, named as three programs do. Written from the paper."""

from collections.abc import Iterator
from math import ceil

import numpy as np
from car_models.importing.checkpoints.architectures import Family
from car_models.importing.checkpoints.state_dict import Tensors

DEPTH_AND_WIDTH = {"B0": (1.0, 1.0), "B1": (1.1, 1.0), "B2": (1.2, 1.1), "B3": (1.4, 1.2)}
_STAGES = (
    *((1, 3, 1, 16), (2, 3, 6, 24), (2, 5, 6, 40), (3, 3, 6, 80)),
    *((3, 5, 6, 112), (4, 5, 6, 192), (1, 3, 6, 320)),
)
"""Repeats, kernel, expansion and channels of every stage."""
_NAMES = {
    Family.EFFICIENTNET_PYTORCH: {
        "stem": ("_conv_stem", "_bn0"),
        "expand": ("_blocks.{n}._expand_conv", "_blocks.{n}._bn0"),
        "depthwise": ("_blocks.{n}._depthwise_conv", "_blocks.{n}._bn1"),
        "squeeze": ("_blocks.{n}._se_reduce", "_blocks.{n}._se_expand"),
        "project": ("_blocks.{n}._project_conv", "_blocks.{n}._bn2"),
        "head": ("_conv_head", "_bn1"),
        "classifier": ("_fc", ""),
    },
    Family.TIMM: {
        "stem": ("conv_stem", "bn1"),
        "expand": ("blocks.{s}.{i}.conv_pw", "blocks.{s}.{i}.bn1"),
        "depthwise": ("blocks.{s}.{i}.conv_dw", "blocks.{s}.{i}.bn2"),
        "squeeze": ("blocks.{s}.{i}.se.conv_reduce", "blocks.{s}.{i}.se.conv_expand"),
        "project": ("blocks.{s}.{i}.conv_pwl", "blocks.{s}.{i}.bn3"),
        "depthwise first": ("blocks.{s}.{i}.conv_dw", "blocks.{s}.{i}.bn1"),
        "project first": ("blocks.{s}.{i}.conv_pw", "blocks.{s}.{i}.bn2"),
        "head": ("conv_head", "bn2"),
        "classifier": ("classifier", ""),
    },
    Family.TORCHVISION: {
        "stem": ("features.0.0", "features.0.1"),
        "expand": ("features.{t}.{i}.block.0.0", "features.{t}.{i}.block.0.1"),
        "depthwise": ("features.{t}.{i}.block.1.0", "features.{t}.{i}.block.1.1"),
        "squeeze": ("features.{t}.{i}.block.2.fc1", "features.{t}.{i}.block.2.fc2"),
        "project": ("features.{t}.{i}.block.3.0", "features.{t}.{i}.block.3.1"),
        "depthwise first": ("features.{t}.{i}.block.0.0", "features.{t}.{i}.block.0.1"),
        "squeeze first": ("features.{t}.{i}.block.1.fc1", "features.{t}.{i}.block.1.fc2"),
        "project first": ("features.{t}.{i}.block.2.0", "features.{t}.{i}.block.2.1"),
        "head": ("features.8.0", "features.8.1"),
        "classifier": ("classifier.1", ""),
    },
}


def random_weights(member: str, family: Family, *, classes: int = 7) -> Tensors:
    """The same weights for the same `member`, whatever they are called."""
    random = np.random.default_rng(5)
    tensors = {}
    for role, shape, place in _layers(member, classes):
        names = _NAMES[family]
        first = names.get(f"{role} first") if place.get("s") == 0 else None
        layer, norm = (name.format(**place) for name in first or names[role])
        if role == "squeeze":
            reduced, channels = shape
            for name, size in ((layer, (reduced, channels, 1, 1)), (norm, (channels, reduced, 1, 1))):
                tensors[f"{name}.weight"] = random.normal(0, size[1] ** -0.5, size)
                tensors[f"{name}.bias"] = random.normal(0, 0.1, size[0])
            continue
        tensors[f"{layer}.weight"] = random.normal(0, np.prod(shape[1:]) ** -0.5, shape)
        if role == "classifier":
            tensors[f"{layer}.bias"] = random.normal(0, 0.1, shape[0])
            continue
        for part, low, high in (
            ("weight", 0.5, 1.5),
            ("bias", -0.2, 0.2),
            ("running_mean", -0.2, 0.2),
            ("running_var", 0.5, 2.0),
        ):
            tensors[f"{norm}.{part}"] = random.uniform(low, high, shape[0])
    return {name: tensor.astype(np.float32) for name, tensor in tensors.items()}


def _layers(member: str, classes: int) -> Iterator[tuple[str, tuple[int, ...], dict[str, int]]]:
    depth, width = DEPTH_AND_WIDTH[member]
    channels, number = _round(32, width), 0
    yield "stem", (channels, 3, 3, 3), {}
    for stage, (repeats, kernel, expansion, base) in enumerate(_STAGES):
        for index in range(ceil(repeats * depth)):
            place = {"n": number, "s": stage, "t": stage + 1, "i": index}
            inner, out = channels * expansion, _round(base, width)
            if expansion > 1:
                yield "expand", (inner, channels, 1, 1), place
            yield "depthwise", (inner, 1, kernel, kernel), place
            yield "squeeze", (max(1, channels // 4), inner), place
            yield "project", (out, inner, 1, 1), place
            channels, number = out, number + 1
    head = _round(1280, width)
    yield "head", (head, channels, 1, 1), {}
    yield "classifier", (classes, head), {}


def _round(channels: int, width: float) -> int:
    """To a multiple of 8, never down by more than a tenth."""
    scaled = channels * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded
