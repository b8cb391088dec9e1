import io

import numpy as np
import pytest
from edge_common.pictures.decode import PictureLimits, PictureTooLargeError, decode_picture
from edge_common.pictures.files import MAX_SCANS, JpegWork, jpeg_work
from hypothesis import given
from hypothesis import strategies as st
from jpeg_bombs import jpeg_bomb
from made_pictures import encoded
from PIL import Image

LIMITS = PictureLimits(max_bytes=1_000_000, max_pixels=100_000)
_NOISE = np.random.default_rng(3).integers(0, 256, (60, 80, 3)).astype(np.uint8)


@pytest.mark.parametrize(("options", "scans"), [({}, 1), ({"progressive": True}, 10)])
def test_scans_and_pixels_of_ordinary_files(options: dict[str, object], scans: int) -> None:
    assert jpeg_work(encoded(_NOISE, "JPEG", **options)) == JpegWork(60 * 80, scans)


def test_pictures_inside_a_header_do_not_count() -> None:
    exif = Image.Exif()
    exif[0x010E] = "\xff\xda" * 500
    file = io.BytesIO()
    Image.fromarray(_NOISE).save(file, "JPEG", exif=exif)
    assert jpeg_work(file.getvalue()) == JpegWork(60 * 80, 1)


def test_another_kind_of_file_has_no_scans() -> None:
    assert jpeg_work(encoded(_NOISE, "PNG")) is None


@pytest.mark.parametrize(("width", "scans"), [(8, MAX_SCANS + 1), (8, 50_000), (300, 20)])
def test_a_file_that_draws_too_often_is_refused_before_it_is_decoded(width: int, scans: int) -> None:
    bomb = jpeg_bomb(width, 300, scans)
    with pytest.raises(PictureTooLargeError, match="save it anew as an ordinary JPEG"):
        decode_picture("p", bomb, LIMITS)


def test_a_bomb_is_a_whole_picture_for_a_decoder() -> None:
    assert decode_picture("p", jpeg_bomb(300, 300, 12), LIMITS).pixels.shape == (300, 300, 3)


def test_a_file_of_endless_segments_is_refused() -> None:
    work = jpeg_work(b"\xff\xd8" + b"\xff\xfe\0\2" * 100_000)
    assert work is not None
    assert work.is_too_much(LIMITS.max_pixels)


@given(st.binary(max_size=200))
def test_any_bytes_have_some_work(tail: bytes) -> None:
    work = jpeg_work(b"\xff\xd8" + tail)
    assert work is not None
    assert work.scans >= 0
