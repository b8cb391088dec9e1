import base64
import contextlib
import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from edge_common.pictures.decode import (
    FORMATS,
    SUFFIXES,
    NotAPictureError,
    PictureLimits,
    PictureTooLargeError,
    decode_picture,
)
from hypothesis import given
from hypothesis import strategies as st
from made_pictures import encoded, plain
from PIL import Image
from pillow_heif import register_heif_opener

LIMITS = PictureLimits(max_bytes=1_000_000, max_pixels=100_000)


def gradient(height: int = 12, width: int = 16) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "WEBP"])
def test_lossless_files_give_back_their_rgb_pixels(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    picture = decode_picture("p", encoded(gradient(), kind, **options), LIMITS)
    np.testing.assert_array_equal(picture.pixels, gradient())
    assert not picture.plain_jpeg


def test_a_jpeg_comes_close_and_is_known_as_plain() -> None:
    picture = decode_picture("p", encoded(plain("red"), "JPEG", quality=95), LIMITS)
    assert abs(picture.pixels.astype(int) - plain("red")).max() <= 3
    assert picture.plain_jpeg


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [
        (1, lambda p: p),
        (2, lambda p: p[:, ::-1]),
        (3, lambda p: p[::-1, ::-1]),
        (4, lambda p: p[::-1]),
        (5, lambda p: p.transpose(1, 0, 2)),
        (6, lambda p: np.rot90(p, -1)),
        (7, lambda p: p[::-1, ::-1].transpose(1, 0, 2)),
        (8, np.rot90),
    ],
)
def test_pictures_are_turned_upright_by_their_exif_orientation(orientation: int, turned: object) -> None:
    assert callable(turned)
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = decode_picture("p", encoded(gradient(), "PNG", exif=exif), LIMITS)
    np.testing.assert_array_equal(picture.pixels, turned(gradient()))


def test_a_rotated_jpeg_is_not_plain_because_the_server_would_not_turn_it() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = decode_picture("p", encoded(gradient(), "JPEG", exif=exif), LIMITS)
    assert (picture.plain_jpeg, picture.pixels.shape) == (False, (16, 12, 3))


def test_grey_pictures_get_three_equal_channels() -> None:
    grey = gradient()[..., 0]
    picture = decode_picture("p", encoded(grey), LIMITS)
    np.testing.assert_array_equal(picture.pixels, np.stack([grey] * 3, axis=2))
    assert not decode_picture("p", encoded(grey, "JPEG"), LIMITS).plain_jpeg


def test_sixteen_bit_greys_keep_their_higher_byte() -> None:
    grey = np.arange(12 * 16, dtype=np.uint16).reshape(12, 16) * 300
    picture = decode_picture("p", encoded(grey), LIMITS)
    np.testing.assert_array_equal(picture.pixels[..., 1], (grey >> 8).astype(np.uint8))


def test_transparent_parts_become_white() -> None:
    pixels = np.dstack([gradient(), np.full((12, 16), 255, np.uint8)])
    pixels[0, 0] = (10, 20, 30, 0)
    picture = decode_picture("p", encoded(pixels), LIMITS)
    assert picture.pixels[0, 0].tolist() == [255, 255, 255]
    np.testing.assert_array_equal(picture.pixels[1:], gradient()[1:])


def test_cmyk_jpegs_become_rgb_and_are_not_plain() -> None:
    file = io.BytesIO()
    Image.new("CMYK", (16, 12), (0, 255, 255, 0)).save(file, "JPEG")
    picture = decode_picture("p", file.getvalue(), LIMITS)
    red, green, _ = picture.pixels[5, 5].tolist()
    assert red > 200
    assert green < 60
    assert not picture.plain_jpeg


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP"])
@pytest.mark.parametrize("part", [0.3, 0.7, 0.95])
def test_a_file_that_is_cut_off_is_refused(kind: str, part: float) -> None:
    content = encoded(gradient(60, 80), kind)
    with pytest.raises(NotAPictureError, match=r"photo\.x"):
        decode_picture("photo.x", content[: int(len(content) * part)], LIMITS)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_picture_counts(kind: str) -> None:
    frames = [Image.fromarray(plain(colour)) for colour in ("red", "green", "blue")]
    file = io.BytesIO()
    options = {"lossless": True} if kind == "WEBP" else {}
    frames[0].save(file, kind, save_all=True, append_images=frames[1:], **options)
    picture = decode_picture("p", file.getvalue(), LIMITS)
    np.testing.assert_array_equal(picture.pixels, plain("red"))


def test_sixteen_bit_colours_keep_their_higher_byte() -> None:
    wide = gradient().astype(np.uint16) * 256 + 99
    written, file = cv2.imencode(".png", wide[..., ::-1])
    assert written
    np.testing.assert_array_equal(decode_picture("p", file.tobytes(), LIMITS).pixels, gradient())


def test_an_empty_file_is_told_as_such() -> None:
    with pytest.raises(NotAPictureError, match=r"photo\.jpg is empty"):
        decode_picture("photo.jpg", b"", LIMITS)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"not a picture", "is not a picture"),
        (b"\xff\xd8\xff", "is not a picture"),
        (b"II*\0" + b"\0" * 50, "is a TIFF file, which is not read"),
        (b"  <!doctype html><html>", "is an HTML page, which is not read"),
        (b"\0\0\0\x20ftypisom" + b"\0" * 50, "is a video, which is not read"),
        (b"%PDF-1.7", "is a PDF file, which is not read"),
    ],
)
def test_other_files_are_refused_by_name_and_for_what_they_are(content: bytes, what: str) -> None:
    with pytest.raises(
        NotAPictureError, match=rf"notes\.txt {what}; JPEG, PNG, .*AVIF and HEIC files can be"
    ):
        decode_picture("notes.txt", content, LIMITS)


HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAXxtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJpbG9j"
    "AAAAAERAAAEAAQAAAAABoAABAAAAAAAAADYAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA/Glw"
    "cnAAAADcaXBjbwAAAHVodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQApQgEBA3AA"
    "AAMAkAAAAwAAAwAeoCCBBZbqrprm4CGgwIAAAAyAAAADAIRiAAEABkQBwXPBiQAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABA"
    "AAAAQAAAAChjbGFwAAAAEAAAAAEAAAAQAAAAAf///9AAAAAC////0AAAAAIAAAAQcGl4aQAAAAADCAgIAAAAGGlwbWEAAAAAAAAAAQABBYEC"
    "AwWEAAAAPm1kYXQAAAAyKAGvBPIWhzRxZNLf/Er///8gj7L9+sAEm1Qjs/RSxGAmv3XroGTEzROpbNAoK6inXqY="
)
"""A red square of 16 pixels, as a phone writes it."""


@pytest.mark.parametrize("content", [HEIC, encoded(plain("red"), "AVIF", quality=90)], ids=["HEIC", "AVIF"])
def test_what_phones_write_is_read(content: bytes) -> None:
    picture = decode_picture("p", content, LIMITS)
    assert abs(picture.pixels.astype(int) - (230, 20, 10)).max() <= 6
    assert not picture.plain_jpeg
    with pytest.raises(NotAPictureError, match="p is"):
        decode_picture("p", content[: len(content) // 2], LIMITS)
    with pytest.raises(PictureTooLargeError, match="at most 100 are accepted"):
        decode_picture("p", content, PictureLimits(10_000, 100))


def test_every_suffix_that_pillow_opens_in_these_formats_is_known() -> None:
    register_heif_opener()
    Image.init()
    opened = {suffix for suffix, kind in Image.registered_extensions().items() if kind in FORMATS}
    assert opened == SUFFIXES


def with_chunk(name: bytes, data: bytes) -> bytes:
    """A PNG file of one colour with one more chunk before its pixels."""
    content = encoded(gradient())
    chunk = struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return content[:33] + chunk + content[33:]


def with_segment(marker: int, data: bytes) -> bytes:
    """A JPEG file of one colour with one more segment at its begin."""
    content = encoded(plain("red"), "JPEG", quality=95)
    return content[:2] + struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data + content[2:]


BOMB = b"a\0\0" + zlib.compress(bytes(80_000_000), 9)
ZERO_RATIO = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x1a\x01\x05\0\x01\0\0\0\x10\x27\0\0\0\0\0\0"


@pytest.mark.parametrize(
    "content",
    [
        with_chunk(b"zTXt", BOMB),
        with_chunk(b"iCCP", BOMB),
        with_chunk(b"tEXt", b"no zero byte"),
        with_chunk(b"pHYs", b"short"),
        with_chunk(b"eXIf", b"II*\0\xff\xff\xff\xff"),
        with_segment(0xE1, ZERO_RATIO),
        with_segment(0xE1, b"Exif\0\0MM"),
        with_segment(0xE2, b"ICC_PROFILE\0"),
        with_segment(0xE2, b"MPF\0II*\0\x08\0\0\0\x01\0"),
        with_segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04"),
        with_segment(0xEE, b"Adobe"),
    ],
    ids=["zTXt", "iCCP", "tEXt", "pHYs", "eXIf", "ratio", "short-exif", "icc", "mpf", "photoshop", "adobe"],
)
@pytest.mark.filterwarnings("ignore:.*:UserWarning")
def test_metadata_that_the_pixels_do_not_need_refuses_no_picture(content: bytes) -> None:
    pixels = decode_picture("p", content, LIMITS).pixels
    assert pixels.shape == (12, 16, 3)
    expected = gradient() if content.startswith(b"\x89PNG") else plain("red")
    assert abs(pixels.astype(int) - expected).max() <= 3


def test_too_many_bytes_or_pixels_are_refused() -> None:
    with pytest.raises(PictureTooLargeError, match="more than 10 B"):
        decode_picture("p", encoded(plain("red")), PictureLimits(10, 100))
    with pytest.raises(PictureTooLargeError, match="16x12 pixels; at most 191"):
        decode_picture("p", encoded(plain("red")), PictureLimits(10_000, 191))


def test_a_decompression_bomb_is_refused_before_it_is_decoded() -> None:
    bomb = encoded(np.zeros((10_000, 10_000), np.bool_))
    with pytest.raises(
        NotAPictureError,
        match=r"bomb has too many pixels; at most 80000000 are accepted, send a smaller picture",
    ):
        decode_picture("bomb", bomb, PictureLimits(1_000_000, 80_000_000))


VALID = [encoded(gradient(), kind) for kind in ("JPEG", "PNG", "WEBP", "BMP")]


@given(
    content=st.sampled_from(VALID),
    damage=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=8),
)
def test_damaged_files_are_decoded_or_refused_and_nothing_else(
    content: bytes, damage: list[tuple[int, int]]
) -> None:
    damaged = bytearray(content)
    for place, value in damage:
        damaged[place % len(damaged)] = value
    with contextlib.suppress(NotAPictureError):
        assert decode_picture("p", bytes(damaged), LIMITS).pixels.dtype == np.uint8
