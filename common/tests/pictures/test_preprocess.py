from math import floor
from typing import Any

import cv2
import numpy as np
import pytest
from edge_common.model_card import Color, Interpolation, Layout, ResizeMode
from edge_common.pictures.preprocess import preprocess, resize
from edge_common.pictures.steps import PadAnchor, Preprocessing, Resizing
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image


def photo(height: int, width: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(7).integers(0, 256, (height, width, 3)).astype(np.uint8)


def steps(**changes: Any) -> Preprocessing:
    plain: dict[str, Any] = {
        "height": 8,
        "width": 8,
        "dtype": np.dtype("f4"),
        "layout": Layout.NHWC,
        "color": Color.RGB,
    }
    return Preprocessing(**plain | changes)


def test_a_normalised_nchw_crop_follows_the_formula() -> None:
    pixels = photo(100, 60)
    square = pixels[24:76, 4:56]  # round(0.875 * 60) = 52 pixels from the middle
    small = cv2.resize(square, (8, 8), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    expected = (small - np.float32(127)) / np.float32(128)
    made = preprocess(
        pixels,
        steps(
            layout=Layout.NCHW,
            mean=(127, 127, 127),
            scale=(128, 128, 128),
            resizing=Resizing(ResizeMode.CROP, 0.875, Interpolation.CUBIC, antialias=False),
        ),
    )
    np.testing.assert_array_equal(made, expected.transpose(2, 0, 1))
    assert made.dtype == np.float32
    assert made.flags.c_contiguous


def test_mean_and_scale_go_with_the_channels_in_the_models_order() -> None:
    pixels = np.full((8, 8, 3), (10, 20, 30), np.uint8)
    made = preprocess(pixels, steps(color=Color.BGR, mean=(30, 20, 10), scale=(1, 2, 4)))
    np.testing.assert_array_equal(made, np.zeros((8, 8, 3)))
    made = preprocess(pixels, steps(mean=(0, 0, 0), scale=(10, 10, 10)))
    np.testing.assert_allclose(made[0, 0], [1, 2, 3])


def test_bgr_bytes_are_the_stretched_pixels_in_reverse_order() -> None:
    pixels = photo(30, 50)
    made = preprocess(pixels, steps(dtype=np.dtype("u1"), color=Color.BGR))
    stretched = Image.fromarray(pixels).resize((8, 8), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(made, np.asarray(stretched)[..., ::-1])


def test_a_picture_of_the_right_size_is_not_touched() -> None:
    pixels = photo(8, 8)
    for interpolation in Interpolation:
        how = Resizing(interpolation=interpolation)
        np.testing.assert_array_equal(resize(pixels, (8, 8), how), pixels)


@pytest.mark.parametrize(
    ("anchor", "rows"), [(PadAnchor.CENTER, slice(4, 8)), (PadAnchor.TOP_LEFT, slice(0, 4))]
)
def test_a_letterboxed_picture_keeps_its_proportions(anchor: PadAnchor, rows: slice) -> None:
    pixels = photo(20, 60)
    made = resize(pixels, (12, 12), Resizing(ResizeMode.LETTERBOX, pad_value=114, anchor=anchor))
    small = Image.fromarray(pixels).resize((12, 4), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(made[rows], np.asarray(small))
    rest = np.delete(made, np.r_[rows], axis=0)
    assert (rest == 114).all()


def test_a_crop_has_the_models_proportions() -> None:
    pixels = np.zeros((40, 100, 3), np.uint8)
    pixels[10:30, 30:70] = 200  # the middle half of the largest 40x80 part
    made = resize(pixels, (20, 40), Resizing(ResizeMode.CROP, 0.5))
    assert (made == 200).all()


def test_shrinking_counts_every_pixel_unless_told_otherwise() -> None:
    stripes = np.zeros((800, 800, 3), np.uint8)
    stripes[::2] = 255
    assert set(resize(stripes, (8, 8), Resizing()).ravel()) <= {127, 128}
    aliased = resize(stripes, (8, 8), Resizing(antialias=False))
    np.testing.assert_array_equal(aliased, cv2.resize(stripes, (8, 8)))


@pytest.mark.parametrize("shape", [(120, 90), (90, 121), (31, 200), (9, 7), (40, 47), (25, 24)])
@pytest.mark.parametrize("antialias", [True, False])
def test_a_crop_is_cut_out_of_the_whole_picture_in_another_size(
    shape: tuple[int, int], *, antialias: bool
) -> None:
    pixels = photo(*shape)
    shorter = Resizing(ResizeMode.CROP, interpolation=Interpolation.CUBIC, to=20, antialias=antialias)
    scaled = [20 * side / min(shape) for side in shape]
    height, width = (int(side) if antialias else round(side) for side in scaled)
    whole = resize(pixels, (height, width), Resizing(interpolation=Interpolation.CUBIC, antialias=antialias))
    spare = (height - 16) / 2, (width - 16) / 2
    top, left = (round(side) if antialias else floor(side) for side in spare)
    made = resize(pixels, (16, 16), shorter).astype(int)
    assert np.abs(made - whole[top : top + 16, left : left + 16]).max() <= 1


def test_a_thin_picture_is_not_blown_up_before_it_is_cut() -> None:
    thin = np.full((1, 300_000, 3), 9, np.uint8)
    how = Resizing(ResizeMode.CROP, to=256, antialias=False)
    assert resize(thin, (224, 224), how).tolist() == np.full((224, 224, 3), 9).tolist()


def test_a_crop_out_of_an_exact_size_distorts_first() -> None:
    pixels = photo(50, 90)
    whole = np.asarray(Image.fromarray(pixels).resize((24, 32), Image.Resampling.BILINEAR))
    made = resize(pixels, (16, 16), Resizing(ResizeMode.CROP, to=(32, 24)))
    assert np.abs(made.astype(int) - whole[8:24, 4:20]).max() <= 1


def test_a_fraction_is_rounded_as_timm_does() -> None:
    pixels = photo(100, 100)
    for fraction, shorter in ((0.875, 18), (0.7, 22), (0.64, 25), (1.0, 16)):  # 16 / fraction, rounded down
        made = resize(pixels, (16, 16), Resizing(ResizeMode.CROP, fraction))
        np.testing.assert_array_equal(made, resize(pixels, (16, 16), Resizing(ResizeMode.CROP, to=shorter)))


@pytest.mark.parametrize(("dtype", "value"), [("f2", -127.0), ("f8", -127.0), ("i1", -127), ("i4", -127)])
def test_normalised_values_are_converted_to_the_tensors_type(dtype: str, value: float) -> None:
    made = preprocess(np.zeros((8, 8, 3), np.uint8), steps(dtype=np.dtype(dtype), mean=(127, 127, 127)))
    assert made.dtype == dtype
    assert (made == value).all()


def test_whole_numbers_are_rounded_and_kept_in_range() -> None:
    pixels = np.full((8, 8, 3), (0, 3, 255), np.uint8)
    made = preprocess(pixels, steps(dtype=np.dtype("i1"), mean=(200, 0, 0), scale=(1, 2, 1)))
    assert made[0, 0].tolist() == [-128, 2, 127]
    assert preprocess(pixels, steps(dtype=np.dtype("i1")))[0, 0].tolist() == [0, 3, 127]


@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    mode=st.sampled_from(ResizeMode),
    fraction=st.floats(0.01, 1),
    interpolation=st.sampled_from(Interpolation),
    antialias=st.booleans(),
    to=st.none() | st.integers(1, 60) | st.tuples(st.integers(1, 60), st.integers(1, 60)),
    anchor=st.sampled_from(PadAnchor),
    layout=st.sampled_from(Layout),
    color=st.sampled_from(Color),
    dtype=st.sampled_from(["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8"]),
    mean=st.floats(0, 255),
)
def test_any_picture_gets_the_models_shape_type_and_range(  # noqa: PLR0917 - hypothesis passes by name
    height: int,
    width: int,
    size: tuple[int, int],
    mode: ResizeMode,
    fraction: float,
    interpolation: Interpolation,
    antialias: bool,
    to: int | tuple[int, int] | None,
    anchor: PadAnchor,
    layout: Layout,
    color: Color,
    dtype: str,
    mean: float,
) -> None:
    made = preprocess(
        photo(height, width),
        Preprocessing(
            height=size[0],
            width=size[1],
            dtype=np.dtype(dtype),
            layout=layout,
            color=color,
            mean=(mean, mean, mean),
            resizing=Resizing(mode, fraction, interpolation, 114.0, anchor, to, antialias),
        ),
    )
    assert made.shape == ((3, *size) if layout is Layout.NCHW else (*size, 3))
    assert made.dtype == dtype
    assert np.isfinite(made.astype(np.float64)).all()
    assert made.astype(np.float64).min() >= -255.5
    assert made.astype(np.float64).max() <= 255.5
