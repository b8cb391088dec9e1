from itertools import product

import cv2
import numpy as np
import pytest
from car_models.preprocess import Picture, input_tensor, resized
from edge_common.model_card import Color, ImageInput, Interpolation, Layout, Resize, ResizeMode
from hypothesis import given
from hypothesis import strategies as st

GRADIENT: Picture = np.dstack(
    [
        np.tile(np.arange(120, dtype=np.uint8), (80, 1)),
        np.full((80, 120), 7, np.uint8),
        np.zeros((80, 120), np.uint8),
    ]
)
"""80 high, 120 wide; blue counts the columns, green is 7, red is 0."""
ALL_MODES = list(product(ResizeMode, Interpolation))


@pytest.mark.parametrize(("mode", "interpolation"), ALL_MODES)
@given(height=st.integers(1, 60), width=st.integers(1, 60))
def test_every_resize_gives_the_models_size(
    mode: ResizeMode, interpolation: Interpolation, height: int, width: int
) -> None:
    picture = np.full((height, width, 3), 9, np.uint8)
    out = resized(picture, Resize(mode=mode, interpolation=interpolation, fraction=0.5), (32, 24))
    assert out.shape == (32, 24, 3)
    assert out.dtype == np.uint8


def test_stretch_keeps_the_whole_picture() -> None:
    out = resized(GRADIENT, Resize(), (40, 60))
    np.testing.assert_array_equal(out, cv2.resize(GRADIENT, (60, 40)))


def test_crop_takes_the_middle_square() -> None:
    out = resized(GRADIENT, Resize(mode=ResizeMode.CROP, interpolation=Interpolation.NEAREST), (80, 80))
    assert out[0, :, 0].tolist() == list(range(20, 100))


def test_crop_takes_the_fraction_of_the_shorter_side() -> None:
    crop = Resize(mode=ResizeMode.CROP, fraction=0.875, interpolation=Interpolation.NEAREST)
    out = resized(GRADIENT, crop, (70, 70))
    assert out[0, :, 0].tolist() == list(range(25, 95))


def test_letterbox_keeps_the_proportions_and_pads_the_rest() -> None:
    box = Resize(mode=ResizeMode.LETTERBOX, interpolation=Interpolation.NEAREST, pad_value=114)
    out = resized(GRADIENT, box, (120, 120))
    assert (out[:20] == 114).all()
    assert (out[100:] == 114).all()
    np.testing.assert_array_equal(out[20:100], GRADIENT)


def test_mean_and_scale_are_applied_per_channel_after_the_colour_conversion() -> None:
    card = ImageInput(color=Color.RGB, mean=(1, 2, 3), scale=(10, 20, 30))
    tensor = input_tensor(np.full((4, 4, 3), (30, 60, 90), np.uint8), card, (4, 4), np.float32)
    np.testing.assert_allclose(tensor[0, :, 0, 0], [(90 - 1) / 10, (60 - 2) / 20, (30 - 3) / 30], rtol=1e-6)


@pytest.mark.parametrize(
    ("color", "layout", "shape", "first_pixel"),
    [
        (Color.RGB, Layout.NCHW, (1, 3, 80, 120), [0, 7, 119]),
        (Color.BGR, Layout.NCHW, (1, 3, 80, 120), [119, 7, 0]),
        (Color.RGB, Layout.NHWC, (1, 80, 120, 3), [0, 7, 119]),
        (Color.BGR, Layout.NHWC, (1, 80, 120, 3), [119, 7, 0]),
    ],
)
def test_colour_order_and_layout_are_as_the_card_says(
    color: Color, layout: Layout, shape: tuple[int, ...], first_pixel: list[int]
) -> None:
    tensor = input_tensor(GRADIENT, ImageInput(color=color, layout=layout), (80, 120), np.uint8)
    assert tensor.shape == shape
    assert tensor.dtype == np.uint8
    assert tensor.flags.c_contiguous
    last = tensor[0, :, 79, 119] if layout is Layout.NCHW else tensor[0, 79, 119]
    assert last.tolist() == first_pixel


def test_values_for_an_integer_tensor_are_rounded_and_kept_in_its_range() -> None:
    card = ImageInput(color=Color.BGR, layout=Layout.NHWC, mean=(100, 0, 0), scale=(1, 2, 0.25))
    tensor = input_tensor(np.full((1, 1, 3), (30, 51, 200), np.uint8), card, (1, 1), np.uint8)
    assert tensor[0, 0, 0].tolist() == [0, 26, 255]
