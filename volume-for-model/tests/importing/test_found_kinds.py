"""Kinds of files that packages of other people ship (benchmarks/models/found_packages.py), in small."""

from collections.abc import Sequence
from pathlib import Path

import onnx
import pytest
from car_models.importing.importer import describe
from car_models.importing.model_spec import ModelSpec
from car_models.importing.presets import preset_named
from car_models.importing.sources import read_source
from edge_common.errors import RejectedError
from edge_common.model_card import Color, Layout, ModelCard, ResizeMode
from onnx import TensorProto, helper
from small_classifiers import LABELS, colour_network, write_onnx

SPEC = ModelSpec(labels=LABELS, preset=preset_named("unit"))
Shape = Sequence[int | str]


def card_of(path: Path, spec: ModelSpec = SPEC) -> ModelCard:
    return describe(read_source(path), spec).resolved.card


def reduced(
    image: Shape, axes: Sequence[int], *, names: tuple[str, str] = ("x", "y"), keep: bool = False
) -> onnx.ModelProto:
    """The mean of `image` over `axes`, as Caffe2, Keras and Paddle call and shape their ports."""
    given = helper.make_tensor_value_info(names[1], TensorProto.FLOAT, None)
    taken = helper.make_tensor_value_info(names[0], TensorProto.FLOAT, image)
    mean = helper.make_node("ReduceMean", [names[0]], [names[1]], axes=list(axes), keepdims=int(keep))
    return helper.make_model(
        helper.make_graph([mean], "g", [taken], [given]), opset_imports=[helper.make_opsetid("", 13)]
    )


@pytest.mark.parametrize(
    ("model", "layout"),
    [
        (reduced(["n", 8, 8, 3], [1, 2], names=("input:0", "final_result:0")), Layout.NHWC),
        (reduced([1, 3, 8, 8], [2, 3], names=("gpu_0/data_0", "gpu_0/softmax_1")), Layout.NCHW),
        (reduced([1, 3, 8, 8], [2, 3], keep=True), Layout.NCHW),
    ],
    ids=["TensorFlow", "Caffe2", "[N,C,1,1]"],
)
def test_a_classifier_keeps_the_names_and_the_layout_of_its_ports(
    tmp_path: Path, model: onnx.ModelProto, layout: Layout
) -> None:
    card = card_of(write_onnx(tmp_path / "net.onnx", model))
    assert (card.input.name, card.output.name) == (model.graph.input[0].name, model.graph.output[0].name)
    assert (card.input.layout, card.input.size) == (layout, (8, 8))


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (reduced([1, 3, 8, 8], [1], keep=True), r"\[1,1,8,8\]; an image classifier gives one row"),
        (reduced([1, 3, 8, 8], [1]), r"\[1,8,8\]; an image classifier gives one row.*a detector"),
        (
            reduced(["n", 2048], [1], keep=True),
            r"\[\?,2048\], in which no dimension is that of three colours",
        ),
    ],
    ids=["segmentation", "characters", "bytes"],
)
def test_what_is_no_classifier_is_refused_with_what_it_gives(
    tmp_path: Path, model: onnx.ModelProto, sentence: str
) -> None:
    with pytest.raises(RejectedError, match=sentence):
        card_of(write_onnx(tmp_path / "net.onnx", model))


def by_ultralytics(task: str) -> onnx.ModelProto:
    model = colour_network(softmax=True)
    names = str(dict(enumerate(LABELS)))
    for key, value in {"author": "Ultralytics", "task": task, "names": names}.items():
        model.metadata_props.append(onnx.StringStringEntryProto(key=key, value=value))
    return model


def test_a_classifier_of_ultralytics_needs_no_word_from_a_person(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "net.onnx", by_ultralytics("classify"))
    described = describe(read_source(path), ModelSpec()).resolved
    image = described.card.input
    assert (image.color, image.mean, image.scale) == (Color.RGB, (0, 0, 0), (255, 255, 255))
    assert (image.resize.mode, image.resize.fraction, image.resize.antialias) == (ResizeMode.CROP, 1, True)
    assert described.labels == LABELS


def test_a_detector_of_ultralytics_is_refused_by_its_task(tmp_path: Path) -> None:
    with pytest.raises(RejectedError, match="its task is 'detect'; only image classifiers can be served"):
        read_source(write_onnx(tmp_path / "net.onnx", by_ultralytics("detect")))
