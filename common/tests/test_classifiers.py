import pytest
from edge_common.classifiers import (
    FLOATS,
    FREE,
    QUANTISED,
    ScoreOutput,
    TensorSpec,
    activation_rejection,
    class_count,
    datatype_of_openvino,
    labels_rejection,
    picture_input,
    score_output,
)
from edge_common.errors import RejectedError
from edge_common.model_card import Activation, Layout


def scores(*shape: int, name: str = "y", datatype: str = "FP32") -> TensorSpec:
    return TensorSpec(name, datatype, shape)


@pytest.mark.parametrize(
    ("shape", "classes"),
    [
        ((1, 196), 196),
        ((FREE, 196), 196),
        ((8, 196), 196),
        ((1, 196, 1, 1), 196),
        ((FREE, 1, 196), 196),
        ((1, 1, 1, 196), 196),
        ((1, 1, 196, 1), 196),
        ((FREE, FREE), FREE),
        ((FREE, 1), 1),
        ((FREE, 1, 1, 1), 1),
        ((FREE,), 1),
        ((1,), 1),
        ((196,), None),
        ((), None),
        ((1, 0), None),
        ((1, 100, 4), None),
        ((1, 1, 100, 7), None),
        ((1, 1280, 7, 7), None),
        ((FREE, FREE, FREE), None),
    ],
)
def test_a_row_of_scores_may_have_ones_anywhere_after_the_batch(
    shape: tuple[int, ...], classes: int | None
) -> None:
    assert class_count(scores(*shape)) == classes


@pytest.mark.parametrize("datatype", sorted(FLOATS | QUANTISED))
def test_scores_are_floats_or_quantised(datatype: str) -> None:
    assert class_count(scores(1, 5, datatype=datatype)) == 5


@pytest.mark.parametrize("datatype", ["INT64", "INT32", "BOOL", "BYTES"])
def test_numbers_of_classes_are_no_scores(datatype: str) -> None:
    assert class_count(scores(FREE, datatype=datatype)) is None


@pytest.mark.parametrize(
    ("openvino", "kserve"),
    [
        ("f32", "FP32"),
        ("bf16", "BF16"),
        ("i8", "INT8"),
        ("u64", "UINT64"),
        ("boolean", "BOOL"),
    ],
)
def test_datatypes_go_by_kserves_names(openvino: str, kserve: str) -> None:
    assert datatype_of_openvino(openvino) == kserve


def test_of_several_heads_the_card_names_one() -> None:
    heads = [scores(1, 4, name="colour"), scores(1, 9, name="make"), scores(1, 4, name="age")]
    assert score_output(heads, name="age") == ScoreOutput(heads[2], 4)
    with pytest.raises(RejectedError, match=r"make FP32 \[1,9\], age .*output.name in the card"):
        score_output(heads)
    with pytest.raises(RejectedError, match=r"could all be the scores"):
        score_output(heads, labels=4)
    with pytest.raises(RejectedError, match=r"no output 'model'; the model has colour FP32 \[1,4\], make"):
        score_output(heads, name="model")


def test_the_number_of_labels_tells_one_head_from_others() -> None:
    heads = [scores(1, 1280, name="features"), scores(1, 196, name="logits")]
    assert score_output(heads, labels=196).tensor.name == "logits"


def test_what_is_no_row_of_scores_needs_no_name_beside_one_that_is() -> None:
    maps = scores(1, 1280, 7, 7, name="maps")
    assert score_output([maps, scores(1, 196)]).classes == 196
    with pytest.raises(
        RejectedError, match=r"output is maps FP32 \[1,1280,7,7\]; an image classifier gives one row"
    ):
        score_output([maps])


@pytest.mark.parametrize(
    ("shape", "layout", "size"),
    [
        ((1, 3, 224, 260), Layout.NCHW, (224, 260)),
        ((FREE, 224, 260, 3), Layout.NHWC, (224, 260)),
        ((8, 3, FREE, FREE), Layout.NCHW, (FREE, FREE)),
        ((1, FREE, 224, 260), Layout.NCHW, (224, 260)),
        ((1, 224, 260, FREE), Layout.NHWC, (224, 260)),
        ((1, 3, 224, 3), Layout.NCHW, (224, 3)),
        ((FREE, FREE, FREE, 3), Layout.NHWC, (FREE, FREE)),
    ],
)
def test_the_three_colours_tell_the_layout(
    shape: tuple[int, ...], layout: Layout, size: tuple[int, int]
) -> None:
    for datatype in ("FP32", "FP16", "UINT8", "INT8", "INT64"):
        found = picture_input([TensorSpec("x", datatype, shape)])
        assert (found.layout, found.size) == (layout, size)


def test_a_card_says_the_layout_where_the_shape_leaves_it_open() -> None:
    anything = TensorSpec("x", "FP32", (FREE, FREE, FREE, FREE))
    assert picture_input([anything], layout=Layout.NHWC).layout is Layout.NHWC
    with pytest.raises(RejectedError, match="no dimension is that of three colours"):
        picture_input([anything])
    with pytest.raises(RejectedError, match="layout NHWC in the card, in which no dimension"):
        picture_input([TensorSpec("x", "FP32", (1, 3, 8, 8))], layout=Layout.NHWC)


@pytest.mark.parametrize(
    ("inputs", "match"),
    [
        ([], "inputs are none; an image classifier takes one picture"),
        ([TensorSpec("x", "FP32", (1, 3, 8, 8)), TensorSpec("mask", "FP32", (1, 8))], r"mask FP32 \[1,8\]"),
        ([TensorSpec("x", "FP32", (1, 1, 28, 28))], "three colours"),
        ([TensorSpec("x", "FP32", (1, 3, 28))], "three colours"),
        ([TensorSpec("x", "FP32", ())], "three colours"),
        ([TensorSpec("x", "BYTES", (1, 3, 8, 8))], "no picture can be sent as BYTES"),
    ],
)
def test_what_takes_no_picture_is_refused(inputs: list[TensorSpec], match: str) -> None:
    with pytest.raises(RejectedError, match=match):
        picture_input(inputs)


def test_the_input_that_a_card_names_has_to_be_there() -> None:
    with pytest.raises(RejectedError, match=r"names the input 'image', but the model has x FP32 \[1,3,8,8\]"):
        picture_input([TensorSpec("x", "FP32", (1, 3, 8, 8))], name="image")


def test_each_class_has_one_label_and_one_score_may_have_two() -> None:
    fits = [(196, 196), (None, 196), (5, FREE), (1, 1), (2, 1)]
    assert [labels_rejection(*pair) for pair in fits] == [None] * 5
    assert labels_rejection(195, 196) == (
        "there are 195 labels, but the model gives 196 values; give one label for each, in the model's order"
    )
    assert str(labels_rejection(3, 1)).endswith("gives 1 values; give one label, or two for no and yes")


def test_no_softmax_over_one_score_and_none_over_steps_of_unknown_size() -> None:
    one = ScoreOutput(scores(1, 1), 1)
    assert "always 1" in str(activation_rejection(Activation.SOFTMAX, one))
    assert activation_rejection(Activation.SIGMOID, one) is None
    steps = ScoreOutput(scores(1, 4, datatype="UINT8"), 4)
    assert activation_rejection(Activation.NONE, steps) is None
    assert "scores are UINT8, whose scale nothing tells" in str(
        activation_rejection(Activation.SOFTMAX, steps)
    )
