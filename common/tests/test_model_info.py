import contextlib
from typing import Any

import pytest
from edge_common.errors import RejectedError
from edge_common.model_card import Color, Layout, ResizeMode
from edge_common.model_info import ModelInfo, read_model_info
from edge_common.pictures.steps import PadAnchor
from hypothesis import given
from hypothesis import strategies as st


def facts(info: dict[str, Any], *, whole_numbers: bool = False) -> ModelInfo:
    found = read_model_info(info, whole_numbers=whole_numbers)
    assert found is not None
    return found


def test_the_texts_ovms_sends_become_facts() -> None:
    found = facts(
        {
            "model_type": "Classification",
            "labels": "fire_engine cab not_a_vehicle",
            "mean_values": "123.675 116.28 103.53",
            "scale_values": "58.395 57.12 57.375",
            "reverse_input_channels": "YES",
            "resize_type": "crop",
            "pad_value": "0",
            "layout": "image:NCHW",
            "confidence_threshold": "0.4",
            "topk": "3",
        }
    )
    assert found.labels == ("fire engine", "cab", "not a vehicle")
    assert found.mean == (123.675, 116.28, 103.53)
    assert found.scale == (58.395, 57.12, 57.375)
    assert found.color is Color.RGB
    assert found.resizing.mode is ResizeMode.CROP
    assert found.layout is Layout.NCHW
    assert (found.min_probability, found.top_k) == (0.4, 3)
    assert found.warnings == ()


def test_labels_that_come_as_a_list_are_taken_as_they_are() -> None:
    assert facts({"labels": ["fire_engine", "cab"]}).labels == ("fire_engine", "cab")


def test_a_classifier_of_ultralytics_sees_what_it_was_trained_with() -> None:
    written = {
        "model_type": "YOLO",
        "labels": ["fire_engine", "cab"],
        "reverse_input_channels": "True",
        "pad_value": "114",
        "scale_values": "255",
        "iou_threshold": "0.7",
    }
    found = facts(written)
    assert (found.color, found.mean, found.scale) == (Color.RGB, (0, 0, 0), (255, 255, 255))
    assert (found.resizing.mode, found.resizing.fraction, found.resizing.antialias) == (
        ResizeMode.CROP,
        1.0,
        True,
    )
    detector = facts(written | {"resize_type": "fit_to_window_letterbox"})
    assert detector.resizing.mode is ResizeMode.LETTERBOX, "which its outputs tell apart"


@pytest.mark.parametrize(
    ("reverse", "embedded", "color"),
    [
        ("NO", "NO", Color.BGR),
        ("YES", "NO", Color.RGB),
        ("YES", "YES", Color.BGR),
        ("NO", "YES", Color.BGR),
        ("True", "False", Color.RGB),
    ],
)
def test_model_api_hands_over_bgr_unless_the_client_reverses(
    reverse: str, embedded: str, color: Color
) -> None:
    info = {"reverse_input_channels": reverse, "embedded_processing": embedded}
    assert facts(info).color is color


def test_embedded_or_whole_number_inputs_get_plain_pixels() -> None:
    info = {"mean_values": "127", "scale_values": "128", "reverse_input_channels": "NO"}
    assert facts(info).mean == (127, 127, 127)
    assert facts(info | {"embedded_processing": "YES"}).mean == (0, 0, 0)
    assert facts(info, whole_numbers=True).scale == (1, 1, 1)


@pytest.mark.parametrize(
    ("name", "mode", "anchor"),
    [
        ("standard", ResizeMode.STRETCH, PadAnchor.CENTER),
        ("fit_to_window", ResizeMode.LETTERBOX, PadAnchor.TOP_LEFT),
        ("fit_to_window_letterbox", ResizeMode.LETTERBOX, PadAnchor.CENTER),
        ("letterbox", ResizeMode.LETTERBOX, PadAnchor.CENTER),
    ],
)
def test_resize_types_are_those_of_model_api(name: str, mode: ResizeMode, anchor: PadAnchor) -> None:
    found = facts({"resize_type": name, "reverse_input_channels": "NO"})
    assert (found.resizing.mode, found.resizing.anchor) == (mode, anchor)


def test_an_unsaid_channel_order_is_warned_about() -> None:
    assert "reverse_input_channels" in facts({"labels": "a b"}).warnings[0]


def test_a_layout_is_read_with_and_without_brackets() -> None:
    assert facts({"layout": "[N,H,W,C]", "labels": "a"}).layout is Layout.NHWC
    assert facts({"layout": "NCHW", "labels": "a"}).layout is Layout.NCHW


@pytest.mark.parametrize("info", [{}, {"resolution": {"height": "200"}}, {"model_type": "Classification"}])
def test_info_without_a_telling_key_says_nothing(info: dict[str, Any]) -> None:
    assert read_model_info(info, whole_numbers=False) is None


@pytest.mark.parametrize(
    ("info", "key"),
    [
        ({"mean_values": "1 2"}, "mean_values has 2 numbers"),
        ({"mean_values": "1 2 x"}, "mean_values is '1 2 x'"),
        ({"mean_values": "nan"}, "mean_values"),
        ({"scale_values": "0 1 1"}, "a scale must be above 0"),
        ({"labels": "a", "topk": "many"}, "topk"),
        ({"labels": "a", "topk": "0"}, "topk"),
        ({"resize_type": "shrink"}, "resize_type is 'shrink'; known are standard, crop"),
        ({"reverse_input_channels": "perhaps"}, "reverse_input_channels is 'perhaps'"),
        ({"labels": "a", "confidence_threshold": "7"}, "confidence_threshold"),
        ({"labels": "a", "model_type": "ssd"}, "model_type 'ssd'"),
        ({"labels": "a", "multilabel": "YES"}, "multilabel"),
    ],
)
def test_a_value_that_cannot_be_understood_names_its_key(info: dict[str, str], key: str) -> None:
    with pytest.raises(RejectedError, match=key):
        read_model_info(info, whole_numbers=False)


KEYS = st.sampled_from(
    [
        *("labels", "mean_values", "scale_values", "reverse_input_channels", "resize_type", "pad_value"),
        *("layout", "topk", "model_type", "confidence_threshold", "embedded_processing", "orig_width"),
        *("orig_height", "multilabel", "other"),
    ]
)
VALUES = st.text(max_size=12) | st.sampled_from(["YES", "NO", "crop", "1 2 3", "1e999", "-1", "[1, 2, 3]"])
NESTED = VALUES | st.none() | st.lists(VALUES, max_size=3) | st.dictionaries(VALUES, VALUES, max_size=2)


@given(info=st.dictionaries(KEYS, NESTED), whole_numbers=st.booleans())
def test_no_info_whatsoever_raises_anything_else(info: dict[str, Any], whole_numbers: bool) -> None:
    with contextlib.suppress(RejectedError):
        read_model_info(info, whole_numbers=whole_numbers)
