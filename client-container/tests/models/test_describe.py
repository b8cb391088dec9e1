from typing import Any

import pytest
from car_client.errors import UnusableModelError
from car_client.kserve.inference import Metadata
from car_client.models.describe import describe_model, facts_assumed, facts_of_card
from car_client.models.served_model import FactSource, ServedModel
from edge_common.classifiers import TensorSpec
from edge_common.model_card import Activation, Color, Layout, ModelCard, ResizeMode


def bare_card(**sections: object) -> ModelCard:
    return ModelCard.model_validate({"schema": 1, **sections})


def test_a_layout_that_the_card_does_not_say_is_left_to_the_shape() -> None:
    assert facts_of_card(bare_card()).layout is None
    assert facts_of_card(bare_card(input={"layout": "NCHW"})).layout is Layout.NCHW


def test_labels_that_stayed_in_a_file_are_warned_about() -> None:
    facts = facts_of_card(bare_card(output={"labels": "labels.txt"}))
    assert facts.labels is None
    assert "labels are in 'labels.txt'" in facts.warnings[0]


def test_a_guess_for_whole_numbers_leaves_the_pixels_as_they_are() -> None:
    assert facts_assumed(whole_numbers=True).mean == (0.0, 0.0, 0.0)
    assert facts_assumed(whole_numbers=False).mean != (0.0, 0.0, 0.0)


def metadata(
    shape: tuple[int, ...] = (1, 3, 8, 10),
    datatype: str = "FP32",
    *,
    outputs: tuple[TensorSpec, ...] = (TensorSpec("prob", "FP32", (1, 3)),),
    info: dict[str, Any] | None = None,
) -> Metadata:
    return Metadata("m", (TensorSpec("image", datatype, shape),), outputs, ("2",), model_info=info or {})


def card(**sections: dict[str, Any]) -> ModelCard:
    return ModelCard.model_validate({"schema": 1, **sections})


def described(meta: Metadata, given_card: ModelCard | None = None) -> ServedModel:
    return describe_model(meta, 2, given_card)


FULL_CARD = card(
    input={
        "name": "image",
        "size": [8, 10],
        "layout": "NCHW",
        "color": "BGR",
        "mean": [1, 2, 3],
        "scale": [4, 5, 6],
        "resize": {"mode": "crop", "fraction": 0.875, "interpolation": "cubic"},
    },
    output={"name": "prob", "activation": "softmax", "labels": ["a", "b", "c"], "top_k": 2},
    limits={"min_probability": 0.25},
)
INFO = {"labels": "x y z", "reverse_input_channels": "YES", "mean_values": "9 9 9"}


def test_everything_on_the_card_is_used() -> None:
    model = described(metadata(), FULL_CARD)
    steps = model.preprocessing
    assert model.source is FactSource.CARD
    assert (steps.height, steps.width, steps.layout, steps.color) == (8, 10, Layout.NCHW, Color.BGR)
    assert steps.mean == (1.0, 2.0, 3.0)
    assert steps.scale == (4.0, 5.0, 6.0)
    assert (steps.resizing.mode, steps.resizing.fraction) == (ResizeMode.CROP, 0.875)
    assert (model.labels, model.activation, model.top_k) == (("a", "b", "c"), Activation.SOFTMAX, 2)
    assert model.min_probability == 0.25


def test_the_card_goes_before_rt_info_and_rt_info_before_shapes() -> None:
    assert described(metadata(info=INFO), FULL_CARD).preprocessing.mean == (1.0, 2.0, 3.0)
    from_info = described(metadata(info=INFO))
    assert (from_info.source, from_info.labels) == (FactSource.RT_INFO, ("x", "y", "z"))
    assert from_info.preprocessing.mean == (9.0, 9.0, 9.0)
    assumed = described(metadata())
    assert (assumed.source, assumed.labels) == (FactSource.SHAPES, None)


def test_what_is_assumed_is_said() -> None:
    [warning] = described(metadata()).warnings
    for fact in ("assumed RGB", "stretched", "123.675", "58.395", "no labels", "model.yaml"):
        assert fact in warning
    [warning] = described(metadata((1, 8, 10, 3), "UINT8")).warnings
    assert "values 0...255" in warning


def test_a_card_without_labels_takes_those_of_rt_info() -> None:
    model = described(metadata(info=INFO), card(input={"color": "BGR"}))
    assert (model.source, model.labels) == (FactSource.CARD, ("x", "y", "z"))
    assert model.preprocessing.color is Color.BGR


def test_rt_info_that_cannot_be_understood_does_not_matter_beside_a_card() -> None:
    assert described(metadata(info={"mean_values": "?"}), FULL_CARD).source is FactSource.CARD


def test_an_ir_with_embedded_preprocessing_gets_plain_bgr_pixels() -> None:
    info = {"labels": "a b c", "reverse_input_channels": "NO", "resize_type": "standard"}
    model = described(metadata((1, 260, 260, 3), "UINT8", info=info))
    steps = model.preprocessing
    assert (steps.height, steps.width, steps.layout, steps.color) == (260, 260, Layout.NHWC, Color.BGR)
    assert steps.keeps_pixel_values


@pytest.mark.parametrize(
    ("shape", "layout", "size"),
    [
        ((1, 3, 8, 10), Layout.NCHW, (8, 10)),
        ((-1, 8, 10, 3), Layout.NHWC, (8, 10)),
        ((1, 3, 8, 3), Layout.NCHW, (8, 3)),
    ],
)
def test_layout_and_size_are_read_from_the_shape(
    shape: tuple[int, ...], layout: Layout, size: tuple[int, int]
) -> None:
    steps = described(metadata(shape)).preprocessing
    assert (steps.layout, (steps.height, steps.width)) == (layout, size)


def test_a_card_gives_the_size_of_a_model_of_any_size() -> None:
    steps = described(metadata((1, 3, -1, -1)), card(input={"size": [32, 48]})).preprocessing
    assert (steps.height, steps.width) == (32, 48)


def test_the_output_with_as_many_classes_as_labels_is_chosen() -> None:
    outputs = (TensorSpec("features", "FP32", (1, 1280)), TensorSpec("prob", "FP32", (1, 3)))
    assert (
        described(metadata(outputs=outputs), card(output={"labels": ["a", "b", "c"]})).output.name == "prob"
    )
    assert described(metadata(outputs=outputs), card(output={"name": "features"})).output.name == "features"


@pytest.mark.parametrize(
    ("output", "labels"),
    [
        (TensorSpec("y", "FP32", (1, 1, 1, 3)), ["a", "b", "c"]),
        (TensorSpec("y", "UINT8", (1, 3)), ["a", "b", "c"]),
        (TensorSpec("y", "FP16", (-1, 1)), ["no", "yes"]),
        (TensorSpec("y", "FP32", (-1,)), ["yes"]),
    ],
)
def test_scores_of_every_kind_of_classifier_are_taken(output: TensorSpec, labels: list[str]) -> None:
    model = described(metadata(outputs=(output,)), card(output={"labels": labels}))
    assert (model.output, model.labels) == (output, tuple(labels))


def test_labels_are_text() -> None:
    model = described(metadata(), card(output={"labels": ["\x1b[2J", "b", "c"]}))
    assert model.label(0) == "\\x1b[2J"


CONTRADICTIONS = {
    "input name": (metadata(), card(input={"name": "data"}), "names the input 'data'.*image FP32"),
    "output name": (metadata(), card(output={"name": "y"}), "there is no output 'y'.*prob FP32"),
    "layout": (metadata(), card(input={"layout": "NHWC"}), r"\[1,3,8,10\] and layout NHWC in the card"),
    "size": (metadata(), card(input={"size": [224, 224]}), r"card says size 224x224.*\[1,3,8,10\]"),
    "activation": (
        metadata(outputs=(TensorSpec("y", "FP32", (1, 1)),)),
        card(output={"activation": "softmax"}),
        "a softmax over one score is always 1",
    ),
    "labels": (metadata(), card(output={"labels": ["a", "b"]}), r"2 labels.*prob FP32 \[1,3\]"),
    "mean for whole numbers": (
        metadata((1, 8, 10, 3), "UINT8"),
        card(input={"layout": "NHWC", "mean": [127, 127, 127]}),
        "mean .*cannot hold the result",
    ),
    "rt_info labels": (metadata(info={"labels": "a b"}), None, "2 labels"),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_a_contradiction_names_both_sides(case: str) -> None:
    meta, given_card, message = CONTRADICTIONS[case]
    with pytest.raises(UnusableModelError, match=message):
        described(meta, given_card)


UNUSABLE = {
    "no channels": (metadata((1, 1, 28, 28)), "no dimension is that of three colours"),
    "no picture": (metadata((1, 10)), r"\[1,10\], in which no dimension"),
    "any size": (metadata((1, 3, -1, -1)), "input.size"),
    "text": (metadata((1, 3, 8, 8), "BYTES"), "no picture can be sent as"),
    "bf16": (metadata((1, 3, 8, 8), "INVALID"), "no picture can be sent as"),
    "boxes": (metadata(outputs=(TensorSpec("boxes", "FP32", (1, 100, 7)),)), "one row of scores"),
    "two outputs": (
        metadata(outputs=(TensorSpec("a", "FP32", (1, 3)), TensorSpec("b", "FP32", (1, 3)))),
        "output.name in the card",
    ),
    "nothing": (Metadata("m", (), (), ("1",)), "inputs are none"),
    "no pixel": (metadata((1, 3, 0, 8)), "pictures of 0x8; a request has at least one pixel"),
    "no picture at a time": (metadata((0, 3, 8, 8)), "at least one pixel"),
    "too many": (metadata((100_000, 3, 224, 224)), "at most 67108864"),
    "too large": (metadata((1, 3, 100_000, 100_000)), "at most 67108864"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_a_model_that_is_no_picture_classifier_says_why(case: str) -> None:
    meta, message = UNUSABLE[case]
    with pytest.raises(UnusableModelError, match=message):
        described(meta)
