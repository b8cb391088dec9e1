"""Which activation an import writes for networks that end in all kinds of ways, and what it says of it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from car_models.evaluating.classifier import Classifier
from car_models.importing.importer import ImportedVersion, ImportRequest, import_version
from car_models.importing.model_spec import ModelSpec
from car_models.importing.presets import preset_named
from edge_common.errors import RejectedError
from edge_common.model_card import Activation
from edge_common.openvino_runtime import ov
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Values = NDArray[np.float64]
GREY = np.full((16, 16, 3), 128, np.uint8)
FOUR = ("sedan", "van", "bus", "truck")


def write(
    path: Path,
    tail: str | None,
    *,
    classes: int = 4,
    shape: tuple[int, ...] = (),
    quantise: bool = False,
    axis: int = 1,
    kind: int = TensorProto.FLOAT,
) -> Path:
    """An ONNX file: mean colour, a dense layer that gives `logits` for `GREY`, then `tail` and `shape`."""
    random = np.random.RandomState(0)
    weights = {
        "w": (random.randn(3, classes) * 0.02).astype("f4"),
        "b": random.randn(classes).astype("f4"),
    }
    nodes = [
        helper.make_node("GlobalAveragePool", ["x"], ["pool"]),
        helper.make_node("Flatten", ["pool"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w", "b"], ["scores"]),
    ]
    last = "scores"
    if tail is not None:
        node = helper.make_node(tail, [last], ["tail"])
        if "oftmax" in tail:
            node.attribute.append(helper.make_attribute("axis", axis))
        nodes.append(node)
        last = "tail"
    if quantise:
        weights |= {"scale": np.array(1 / 256, "f4"), "zero": np.array(0, "u1")}
        nodes.append(helper.make_node("QuantizeLinear", [last, "scale", "zero"], ["steps"]))
        last = "steps"
    if shape:
        weights["shape"] = np.array(shape, "i8")
        nodes.append(helper.make_node("Reshape", [last, "shape"], ["shaped"]))
        last = "shaped"
    if kind != TensorProto.FLOAT:
        nodes.append(helper.make_node("Cast", [last], ["cast"], to=kind))
        last = "cast"
    element = TensorProto.UINT8 if quantise else kind
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 16, 16])],
        [helper.make_tensor_value_info(last, element, None)],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.save(model, str(path))
    return path


def imported(
    source: Path, labels: tuple[str, ...] = FOUR, activation: Activation | None = None
) -> ImportedVersion:
    spec = ModelSpec(labels=labels, preset=preset_named("unit"), activation=activation)
    return import_version(ImportRequest(source=source, spec=spec), source.parent / "models", "m")


def chances(version: ImportedVersion) -> dict[str, float]:
    return {each.label: each.probability for each in Classifier(version.folder).classify(GREY)}


def logits(classes: int = 4) -> Values:
    """What the dense layer of `write` makes of `GREY`."""
    random = np.random.RandomState(0)
    weights, bias = random.randn(3, classes) * 0.02, random.randn(classes)
    return np.asarray(weights.sum(axis=0) * 128 / 255 + bias)


def softmax(values: Values) -> Values:
    return np.asarray(np.exp(values) / np.exp(values).sum())


def sigmoid(values: Values) -> Values:
    return np.asarray(1 / (1 + np.exp(-values)))


@pytest.mark.parametrize(
    ("tail", "written", "right", "said"),
    [
        ("Softmax", Activation.NONE, softmax, None),
        ("LogSoftmax", Activation.SOFTMAX, softmax, None),
        ("Sigmoid", Activation.NONE, sigmoid, None),
        (None, Activation.SOFTMAX, softmax, "raw scores: a softmax over all classes"),
    ],
)
def test_the_last_node_tells_what_is_left_to_apply(
    tmp_path: Path, tail: str | None, written: Activation, right: Callable[[Values], Values], said: str | None
) -> None:
    version = imported(write(tmp_path / "net.onnx", tail))
    assert version.card.output.activation is written
    assert list(version.notes) == [] if said is None else said in version.notes[0]
    found = chances(version)
    np.testing.assert_allclose([found[label] for label in FOUR], right(logits()), atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "kind", "quantise"),
    [
        ((-1, 4, 1, 1), TensorProto.FLOAT, False),
        ((-1, 1, 4), TensorProto.FLOAT, False),
        ((4,), TensorProto.FLOAT, False),
        ((), TensorProto.FLOAT16, False),
        ((), TensorProto.DOUBLE, False),
        ((), TensorProto.BFLOAT16, False),
        ((-1, 4, 1, 1), TensorProto.FLOAT, True),
    ],
    ids=["trailing ones", "ones between", "no batch", "f16", "f64", "bf16", "quantised"],
)
def test_scores_of_any_shape_and_type_become_one_row_of_probabilities(
    tmp_path: Path, shape: tuple[int, ...], kind: int, quantise: bool
) -> None:
    version = imported(write(tmp_path / "net.onnx", "Sigmoid", shape=shape, kind=kind, quantise=quantise))
    assert version.card.output.activation is Activation.NONE
    found = chances(version)
    np.testing.assert_allclose([found[label] for label in FOUR], sigmoid(logits()), atol=0.004)
    (output,) = ov.Core().read_model(version.folder / "model.xml").outputs
    assert output.partial_shape == ov.PartialShape([1, 4])
    assert output.element_type.is_real()


def test_one_sigmoid_is_the_probability_of_its_label(tmp_path: Path) -> None:
    version = imported(write(tmp_path / "net.onnx", "Sigmoid", classes=1), ("car",))
    assert version.card.output.activation is Activation.NONE
    assert version.notes == ()
    assert chances(version) == {"car": pytest.approx(sigmoid(logits(1))[0], abs=1e-4)}


@pytest.mark.parametrize(("tail", "written"), [("Sigmoid", Activation.NONE), (None, Activation.SIGMOID)])
def test_one_score_with_two_labels_is_a_binary_classifier(
    tmp_path: Path, tail: str | None, written: Activation
) -> None:
    version = imported(write(tmp_path / "net.onnx", tail, classes=1), ("no car", "car"))
    assert version.card.output.activation is written
    assert "taken for the probability of 'car'" in version.notes[0]
    assert "swap the labels" in version.notes[0]
    yes = sigmoid(logits(1))[0]
    assert chances(version) == {
        "car": pytest.approx(yes, abs=1e-4),
        "no car": pytest.approx(1 - yes, abs=1e-4),
    }


@pytest.mark.parametrize(
    ("tail", "classes", "said", "advice"),
    [
        ("Sigmoid", 4, Activation.SOFTMAX, Activation.NONE),
        ("Softmax", 4, Activation.SOFTMAX, Activation.NONE),
        ("Softmax", 4, Activation.SIGMOID, Activation.NONE),
        (None, 4, Activation.NONE, Activation.SOFTMAX),
        (None, 1, Activation.NONE, Activation.SIGMOID),
        (None, 1, Activation.SOFTMAX, Activation.SIGMOID),
    ],
)
def test_an_activation_that_cannot_be_right_is_refused_and_the_advice_works(
    tmp_path: Path, tail: str | None, classes: int, said: Activation, advice: Activation
) -> None:
    source = write(tmp_path / "net.onnx", tail, classes=classes)
    with pytest.raises(RejectedError, match=advice):
        imported(source, FOUR[:classes], said)
    assert imported(source, FOUR[:classes], advice).card.output.activation is advice


def test_independent_classes_can_be_said(tmp_path: Path) -> None:
    version = imported(write(tmp_path / "net.onnx", None), activation=Activation.SIGMOID)
    assert version.notes == ()
    found = chances(version)
    np.testing.assert_allclose([found[label] for label in FOUR], sigmoid(logits()), atol=1e-4)


def test_scores_that_look_like_probabilities_are_taken_for_such_and_it_is_said(tmp_path: Path) -> None:
    version = imported(write(tmp_path / "net.onnx", "HardSigmoid"))
    assert version.card.output.activation is Activation.NONE
    assert "stay between 0 and 1 on noise" in version.notes[0]


@pytest.mark.parametrize(
    ("tail", "classes", "axis", "match"),
    [
        ("Softmax", 1, 1, "over one score it is always 1"),
        ("Softmax", 4, 0, "do not add up to 1"),
        (None, 4, 1, "raw scores whose scale is not in the file"),
        ("Acosh", 4, 1, "values that are no numbers"),
    ],
)
def test_scores_that_nobody_can_read_are_refused(
    tmp_path: Path, tail: str | None, classes: int, axis: int, match: str
) -> None:
    source = write(tmp_path / "net.onnx", tail, classes=classes, axis=axis, quantise=tail is None)
    with pytest.raises(RejectedError, match=match):
        imported(source, FOUR[:classes])
