import struct
import zlib

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from jpeg_bombs import jpeg_bomb
from ovms_lite.errors import RequestError
from ovms_lite.wire.kserve_request import InputTensor
from ovms_lite.wire.model_inputs import EncodedImages, model_inputs
from ovms_lite.wire.tensors import BY_KSERVE_NAME, Array, Dimension, TensorInfo, join_elements


def _info(name: str, datatype: str, *shape: int | tuple[int, int], layout: str = "N...") -> TensorInfo:
    dimensions = tuple(
        Dimension(*size)
        if isinstance(size, tuple)
        else Dimension(0, None)
        if size < 0
        else Dimension(size, size)
        for size in shape
    )
    return TensorInfo(name, BY_KSERVE_NAME[datatype], dimensions, layout)


def _raw(name: str, array: Array, datatype: str = "FP32") -> InputTensor:
    return InputTensor(name, array.shape, datatype, None, memoryview(bytearray(array.tobytes())))


X = _info("x", "FP32", 1, 10)
ONE = np.arange(10, dtype=np.float32).reshape(1, 10)


def test_a_raw_tensor_is_used_where_it_lies() -> None:
    tensor = _raw("x", ONE)
    [array] = model_inputs([X], [tensor])
    assert isinstance(array, np.ndarray)
    assert tensor.raw is not None
    tensor.raw[:4] = np.float32(7).tobytes()
    assert array[0, 0] == 7


def test_inputs_come_in_the_order_of_the_model() -> None:
    infos = [_info("b", "UINT8", 1), _info("a", "UINT8", 1)]
    sent = [_raw(name, np.array([value], np.uint8), "UINT8") for name, value in (("a", 1), ("b", 2))]
    assert [int(np.asarray(array)[0]) for array in model_inputs(infos, sent)] == [2, 1]


@pytest.mark.parametrize(
    ("info", "sent", "text"),
    [
        (X, [], "Invalid number of inputs - Expected: 1; Actual: 0"),
        (X, [_raw("z", ONE)], "Missing input with specific name - Required input: x"),
        (
            X,
            [_raw("x", ONE, "INT64")],
            "Invalid input precision - Expected: FP32; Actual: INT64; input name: x",
        ),
        (_info("x", "INT64", 1), [_raw("x", ONE)], "Invalid input precision - Expected: I64; Actual: FP32"),
        (X, [_raw("x", ONE[0])], r"Invalid number of shape dimensions - Expected: \(1,10\); Actual: \(10\)"),
        (
            X,
            [_raw("x", ONE.repeat(2, 0))],
            "Invalid input batch size - Expected: 1; Actual: 2; input name: x",
        ),
        (X, [_raw("x", ONE[:, :9])], r"Invalid input shape - Expected: \(1,10\); Actual: \(1,9\)"),
        (_info("x", "FP32", -1, (2, 5)), [_raw("x", ONE)], r"Expected: \(-1,\[2~5\]\); Actual: \(1,10\)"),
        (
            X,
            [InputTensor("x", (1, 10), "FP32", None, memoryview(b"1234"))],
            "Invalid content size of tensor proto - Expected: 40 bytes; Actual: 4 bytes; input name: x",
        ),
        (
            X,
            [InputTensor("x", (1, 10), "FP32", ONE[0, :9], None)],
            "Invalid number of values in tensor proto container - Expected: 10 values; Actual: 9 values",
        ),
        (
            X,
            [InputTensor("x", (1,), "BYTES", np.array([b"a"]), None)],
            "Functionality not implemented - the input x takes FP32 values",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_the_text_of_ovms(
    info: TensorInfo, sent: list[InputTensor], text: str
) -> None:
    with pytest.raises(RequestError, match=text):
        model_inputs([info], sent)


Picture = npt.NDArray[np.uint8]
PICTURE: Picture = np.full((48, 64, 3), (50, 100, 200), np.uint8)
NHWC = _info("img", "FP32", 1, 32, 32, 3, layout="NHWC")


def _sent(picture: Picture, suffix: str = ".png", count: int = 1) -> InputTensor:
    encoded = cv2.imencode(suffix, picture)[1].tobytes()
    raw = join_elements([encoded] * count)
    return InputTensor("img", (count,), "BYTES", None, memoryview(raw))


def _decoded(info: TensorInfo, tensor: InputTensor) -> Array:
    [images] = model_inputs([info], [tensor])
    assert isinstance(images, EncodedImages)
    return images.decode()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp"])
def test_pictures_arrive_as_blue_green_red_and_are_resized_for_nhwc(suffix: str) -> None:
    tensor = _decoded(NHWC, _sent(PICTURE, suffix))
    assert tensor.shape == (1, 32, 32, 3)
    assert tensor.dtype == np.float32
    assert np.allclose(tensor[0].mean(axis=(0, 1)), (50, 100, 200), atol=1.5)


def test_several_pictures_make_a_batch() -> None:
    info = _info("img", "UINT8", -1, 32, 32, 3, layout="NHWC")
    assert _decoded(info, _sent(PICTURE, count=3)).shape == (3, 32, 32, 3)


def test_several_pictures_of_different_sizes_are_refused_where_nothing_resizes_them() -> None:
    info = _info("img", "UINT8", -1, -1, -1, 3, layout="NHWC")
    encoded = [cv2.imencode(".png", picture)[1].tobytes() for picture in (PICTURE, PICTURE[:8])]
    sent = InputTensor("img", (2,), "BYTES", None, memoryview(join_elements(encoded)))
    with pytest.raises(RequestError, match="required to have the same resolution"):
        _decoded(info, sent)


def test_a_model_of_any_size_takes_the_picture_as_it_is() -> None:
    assert _decoded(_info("img", "FP16", 1, -1, -1, 3, layout="NHWC"), _sent(PICTURE)).shape == (1, 48, 64, 3)


@pytest.mark.parametrize("datatype", ["FP64", "FP32", "FP16", "UINT8", "INT8", "UINT16", "INT16", "INT32"])
def test_every_number_type_that_takes_pictures_is_resized(datatype: str) -> None:
    info = _info("img", datatype, 1, 16, (8, 24), 3, layout="NHWC")
    tensor = _decoded(info, _sent(PICTURE))
    assert (tensor.shape, tensor.dtype) == ((1, 16, 24, 3), info.element.numpy)


@pytest.mark.parametrize(
    ("info", "tensor", "text"),
    [
        (NHWC, _sent(PICTURE[:, :, 0]), "Invalid number of channels in binary input"),
        (NHWC, _sent(np.dstack((PICTURE, PICTURE[:, :, :1]))), "Invalid number of channels in binary input"),
        (NHWC, InputTensor("img", (1,), "BYTES", np.array([b"junk"]), None), "Image parsing failed"),
        (NHWC, InputTensor("img", (1,), "BYTES", np.array([b""]), None), "Image parsing failed"),
        (_info("img", "FP32", 1, 32, 32, 3), _sent(PICTURE), "Invalid input shape"),
        (_info("img", "FP32", 1, 3, 32, 32), _sent(PICTURE), "Invalid number of channels in binary input"),
    ],
)
def test_pictures_that_do_not_fit_are_refused(info: TensorInfo, tensor: InputTensor, text: str) -> None:
    with pytest.raises(RequestError, match=text):
        _decoded(info, tensor)


def test_pictures_for_a_declared_nchw_input_are_refused_before_decoding() -> None:
    [images] = model_inputs([_info("img", "FP32", 1, 3, 32, 32, layout="NCHW")], [_sent(PICTURE)])
    assert isinstance(images, EncodedImages)
    with pytest.raises(RequestError, match="not configured to accept NHWC"):
        images.work()


def test_more_pictures_than_the_batch_are_refused_before_decoding() -> None:
    with pytest.raises(RequestError, match="Invalid input batch size - Expected: 1; Actual: 2"):
        model_inputs([NHWC], [_sent(PICTURE, count=2)])


def test_a_small_file_that_claims_a_huge_picture_is_refused() -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 16_000, 16_000, 8, 2, 0, 0, 0)
    bomb = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )
    with pytest.raises(RequestError, match="Image parsing failed"):
        _decoded(NHWC, InputTensor("img", (1,), "BYTES", np.array([bomb], dtype=np.object_), None))


def _work(*encoded: bytes) -> int:
    sent = InputTensor("img", (len(encoded),), "BYTES", None, memoryview(join_elements(encoded)))
    [images] = model_inputs([_info("img", "UINT8", -1, 32, 32, 3, layout="NHWC")], [sent])
    assert isinstance(images, EncodedImages)
    return images.work()


def test_the_work_of_pictures_is_told_without_decoding_them() -> None:
    encoded = [cv2.imencode(suffix, PICTURE)[1].tobytes() for suffix in (".png", ".jpg")]
    assert _work(*encoded) == 2 * 48 * 64
    assert _work(jpeg_bomb(64, 48, 12)) == 12 * 48 * 64


@pytest.mark.parametrize(
    ("bombs", "text"),
    [
        ([jpeg_bomb(8, 8, 5000)], "save it anew as an ordinary JPEG"),
        ([jpeg_bomb(8000, 8000, 20)], "save it anew as an ordinary JPEG"),
        ([jpeg_bomb(8000, 8000, 10)] * 2, "the pictures of one request have too many pixels"),
    ],
)
def test_pictures_that_would_be_drawn_for_minutes_are_refused_undecoded(
    bombs: list[bytes], text: str
) -> None:
    with pytest.raises(RequestError, match=text):
        _work(*bombs)


def _sizes(*sizes: tuple[int, int], suffix: str = ".png") -> InputTensor:
    encoded = [cv2.imencode(suffix, np.zeros((*size, 3), np.uint8))[1].tobytes() for size in sizes]
    return InputTensor("img", (len(sizes),), "BYTES", None, memoryview(join_elements(encoded)))


def test_in_a_range_of_sizes_all_pictures_become_what_is_nearest_to_the_first() -> None:
    dimensions = (Dimension(2, 2), Dimension(10, 20), Dimension(10, 20), Dimension(3, 3))
    info = TensorInfo("img", BY_KSERVE_NAME["UINT8"], dimensions, "NHWC")
    assert _decoded(info, _sizes((40, 12), (5, 18))).shape == (2, 20, 12, 3)


def test_the_first_picture_that_does_not_fit_is_named_before_a_later_one_is_decoded() -> None:
    wrong = _sizes((8, 8)).raw
    assert wrong is not None
    broken = memoryview(bytes(wrong) + join_elements([b"no picture"]))
    info = _info("img", "UINT8", 2, 32, 32, 3, layout="N...")
    with pytest.raises(RequestError, match=r"Invalid input shape$"):
        _decoded(info, InputTensor("img", (2,), "BYTES", None, broken))


def test_values_beyond_the_type_become_its_largest() -> None:
    picture = np.full((4, 4, 3), 60_000, np.uint16)
    encoded = cv2.imencode(".png", picture)[1].tobytes()
    sent = InputTensor("img", (1,), "BYTES", None, memoryview(join_elements([encoded])))
    assert _decoded(_info("img", "UINT8", 1, 4, 4, 3, layout="NHWC"), sent).min() == 255


def test_one_input_after_the_other_is_looked_at_by_name() -> None:
    sent = [InputTensor(name, (1, 3), "FP32", np.zeros(3, np.float32), None) for name in ("a", "z")]
    with pytest.raises(RequestError, match=r"Invalid input shape .* input name: a"):
        model_inputs([_info("b", "FP32", 1, 2), _info("a", "FP32", 1, 2)], sent)
