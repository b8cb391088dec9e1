import pytest
from ovms_lite.errors import ConfigError, LoadError
from ovms_lite.repository.settings import (
    LayoutChange,
    RequestLimit,
    batch_position,
    parse_batch_size,
    parse_layout,
    parse_shape,
    per_input,
)
from ovms_lite.wire.tensors import BY_KSERVE_NAME, Dimension, TensorInfo, shape_text


def test_a_layout_may_say_what_clients_send_and_what_the_file_has() -> None:
    assert parse_layout("NHWC:NCHW") == LayoutChange("NHWC", "NCHW")
    assert parse_layout("NHWC") == LayoutChange("NHWC", "NHWC")
    assert parse_layout("N...") == LayoutChange("N...", "N...")


@pytest.mark.parametrize("text", ["QQQ", "", "NHWC:NCHW:N", "NNHW", "N....C"])
def test_other_layouts_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="layout"):
        parse_layout(text)


def test_shapes_have_sizes_ranges_and_free_dimensions() -> None:
    shape = parse_shape("(1, -1, 2:5)")
    assert shape is not None
    assert shape_text(shape) == "(1,-1,[2~5])"
    assert parse_shape("auto") is None
    assert parse_shape("()") == ()


@pytest.mark.parametrize("text", ["(1,3", "1,x", "(5:2)", "(-2)", "(1,,2)"])
def test_other_shapes_are_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_shape(text)


def test_a_batch_size_of_zero_leaves_the_model_as_it_is() -> None:
    assert parse_batch_size(0) is None
    assert parse_batch_size(8) == Dimension(8, 8)
    assert parse_batch_size("auto") == Dimension(0, None)


def test_the_batch_is_where_the_layout_says() -> None:
    assert batch_position("N...") == 0
    assert batch_position("CN") == 1
    assert batch_position("CHW") is None


def test_a_plain_setting_needs_a_model_with_one_input() -> None:
    assert per_input("NHWC", ("x",), "layout") == {"x": "NHWC"}
    with pytest.raises(ConfigError, match="names no input"):
        per_input("NHWC", ("a", "b"), "layout")
    with pytest.raises(ConfigError, match="'z', which is no tensor"):
        per_input({"z": "NHWC"}, ("a", "b"), "layout")


PICTURE = TensorInfo("x", BY_KSERVE_NAME["FP32"], tuple(Dimension(size, size) for size in (1, 3, 224, 224)))
FREE = TensorInfo("x", BY_KSERVE_NAME["FP32"], (Dimension(0, None), Dimension(4, 4)))


def test_more_infer_requests_than_the_cores_can_use_are_refused_with_the_bound() -> None:
    limit = RequestLimit(cores=2)

    limit.check(128, "m")
    with pytest.raises(LoadError, match="nireq 100000 of m is above 128"):
        limit.check(100_000, "m")


def test_infer_requests_whose_tensors_take_too_much_memory_are_refused() -> None:
    limit = RequestLimit(cores=64, memory=1024**3)

    limit.check(200, "m", [PICTURE])
    limit.check(4096, "m", [FREE])
    with pytest.raises(LoadError, match="an eighth of the memory"):
        limit.check(300, "m", [PICTURE])
