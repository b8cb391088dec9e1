"""Serving settings that change a model's inputs, tried by the real child."""

from pathlib import Path
from typing import Any

import pytest
from edge_common.errors import RejectedError
from model_sync.preflight.check import Preflight
from sync_models import write_colour_classifier, write_onnx


def _inputs(tree: Path, settings: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    with Preflight(timeout=60, memory=8 * 1024**3) as child:
        return dict(child.check(tree, settings).inputs)


@pytest.mark.parametrize(
    ("settings", "shape"),
    [
        ({"shape": "(1,3,16,24)"}, (1, 3, 16, 24)),
        ({"shape": {"image": "(-1,3,8,8)"}}, (-1, 3, 8, 8)),
        ({"shape": "(1:4,3,8,8)"}, (-1, 3, 8, 8)),
        ({"shape": "auto"}, (-1, -1, -1, -1)),
        ({"batch_size": 4}, (4, 3, 8, 8)),
        ({"batch_size": "auto"}, (-1, 3, 8, 8)),
        ({"batch_size": 0}, (1, 3, 8, 8)),
        ({"layout": "NHWC:NCHW"}, (1, 8, 8, 3)),
        ({"layout": {"image": "NHWC:NCHW"}, "shape": "(1,16,16,3)"}, (1, 16, 16, 3)),
        ({"layout": "NHWC:NCHW", "batch_size": 2}, (2, 8, 8, 3)),
        ({"shape": "(1,3,16,16)", "batch_size": 7}, (1, 3, 16, 16)),
    ],
)
def test_a_model_is_tried_in_the_shape_it_will_be_served_in(
    tmp_path: Path, settings: dict[str, Any], shape: tuple[int, ...]
) -> None:
    assert _inputs(write_colour_classifier(tmp_path), settings) == {"image": shape}


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"shape": "(1,5)"},
            r"cannot take serving.shape \(1,5\): its inputs are x \[1,4\]; correct or remove",
        ),
        ({"shape": "(1,3,5)"}, r"cannot take serving.shape \(1,3,5\)"),
        ({"shape": "(0,4)"}, r"serving.shape '\(0,4\)' is not understood"),
        ({"shape": "(1,-5)"}, r"serving.shape '\(1,-5\)' is not understood"),
        ({"shape": "one by four"}, "serving.shape 'one by four' is not understood"),
        ({"shape": {"y": "(1,4)"}}, "serving.shape names 'y', which the model does not have; it has x"),
        ({"layout": "NHWC:NCHW"}, "cannot be served with serving.layout NHWC:NCHW"),
        ({"layout": "N!"}, "serving.layout 'N!' is not understood"),
    ],
)
def test_a_setting_that_the_model_cannot_take_is_rejected_and_named(
    tmp_path: Path, settings: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(RejectedError, match=sentence):
        _inputs(write_onnx(tmp_path), settings)


def test_a_device_that_is_not_here_is_left_to_the_server_with_what_is_set_for_it(tmp_path: Path) -> None:
    asked = {"target_device": "NPU", "plugin_config": {"NPU_ONLY": "1"}}
    with Preflight(timeout=60, memory=8 * 1024**3) as child:
        facts = child.check(write_onnx(tmp_path), asked)
    assert facts.absent_device == "NPU"
    assert dict(facts.inputs) == {"x": (1, 4)}
