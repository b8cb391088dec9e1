"""What the presets make of pictures with fine detail, against the transforms of torchvision and timm."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from car_models.importing.checkpoints.architectures import B2, B3, Family
from car_models.importing.model_spec import resize_from
from car_models.importing.presets import preset_named
from edge_common.errors import RejectedError
from edge_common.model_card import Resize
from edge_common.pictures.preprocess import resize
from edge_common.pictures.steps import Resizing
from numpy.typing import NDArray

from .reference_pictures import SHAPES, detailed, some_pixels

REPOSITORY = Path(__file__).parents[3]
KNOWN: dict[str, Any] = json.loads(Path(__file__).with_name("reference_pictures.json").read_text())
"""Written by reference_pictures.py with torchvision 0.14.1 and timm 0.9.16."""
PRESETS: dict[str, tuple[str, Family | None]] = {
    "torchvision:resnet50": ("imagenet", None),
    "torchvision:inception_v3": ("imagenet", None),
    "torchvision:efficientnet_b0": ("efficientnet", None),
    "torchvision:efficientnet_b1": ("efficientnet", None),
    "torchvision:efficientnet_b2": ("efficientnet", None),
    "torchvision:efficientnet_b3": ("efficientnet", None),
    "torchvision:efficientnet_b4": ("efficientnet", Family.TORCHVISION),
    "timm:efficientnet_b0": ("efficientnet-timm", None),
    "timm:tf_efficientnet_b1": ("efficientnet", Family.TIMM_TF),
    "timm:tf_efficientnet_b3": ("efficientnet-tf", None),
    "timm:tf_efficientnet_lite2": ("efficientnet-lite", None),
}
ROUNDING = 2
"""Levels of 255; sums of products are rounded in another order."""


def seen(name: str, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """What a network of that name would see here."""
    preset, family = PRESETS[name]
    side = KNOWN[name]["size"]
    how = preset_named(preset).resize_for((side, side), family)
    return resize(detailed(*shape), (side, side), Resizing.of_card(how))


@pytest.mark.parametrize("name", PRESETS)
def test_presets_give_the_pictures_that_the_networks_were_trained_with(name: str) -> None:
    for shape, pixels in zip(SHAPES, KNOWN[name]["pixels"], strict=True):
        ours = np.array(some_pixels(seen(name, shape)), np.int64)
        assert np.abs(ours - pixels).max() <= ROUNDING, shape


@pytest.mark.torch
def test_every_pixel_is_as_the_programs_themselves_make_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            os.environ.get("TORCH_PYTHON", "/usr/bin/python3"),
            Path(__file__).with_name("reference_pictures.py"),
            tmp_path,
            *PRESETS,
        ],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / ".local" / "torch-reference")},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for name in PRESETS:
        for index, shape in enumerate(SHAPES):
            theirs = np.load(tmp_path / f"{name.replace(':', '-')}-{index}.npy").astype(np.int64)
            assert np.abs(theirs - seen(name, shape)).max() <= ROUNDING, (name, shape)


@pytest.mark.parametrize(
    ("preset", "size", "family", "to"),
    [
        ("efficientnet", 300, None, 320),
        ("efficientnet", 300, Family.TORCHVISION, 320),
        ("efficientnet", 300, Family.TIMM_TF, 331),
        ("efficientnet", 300, Family.EFFICIENTNET_PYTORCH, 300),
        ("efficientnet", 288, Family.TIMM, None),
        ("efficientnet", 320, Family.TIMM, 320),
        ("efficientnet-tf", 300, None, 331),
        ("imagenet", 299, None, 342),
        ("imagenet", 384, None, None),
    ],
)
def test_the_crop_goes_by_program_and_size(
    preset: str, size: int, family: Family | None, to: int | None
) -> None:
    how = preset_named(preset).resize_for((size, size), family)
    assert how.to == to
    assert to is not None or how.fraction == 0.875


def test_programs_train_some_networks_with_other_sizes_than_they_were_designed_for() -> None:
    assert [B3.size_in(family) for family in Family] == [300, 288, 300, 300]
    assert [B2.size_in(family) for family in Family] == [260, 256, 260, 288]


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("stretch", {}),
        ("crop:0.875:cubic", {"mode": "crop", "fraction": 0.875, "interpolation": "cubic"}),
        ("crop:256", {"mode": "crop", "to": 256}),
        ("crop:256x320:area", {"mode": "crop", "to": (256, 320), "interpolation": "area"}),
        ("stretch:aliased", {"antialias": False}),
        ("crop:1", {"mode": "crop", "fraction": 1}),
    ],
)
def test_resizes_as_typed(text: str, facts: dict[str, Any]) -> None:
    assert resize_from(text) == Resize.model_validate(facts)


@pytest.mark.parametrize("text", ["crop:256:0.9", "stretch:256", "crop:256y", "crop:1.2", "squash"])
def test_what_is_no_resize_is_said_with_the_form(text: str) -> None:
    with pytest.raises(RejectedError, match=r"is not MODE\[:FRACTION or PIXELS\]\[:KERNEL\]\[:aliased\]"):
        resize_from(text)
