import numpy as np
import pytest
from car_models.importing.checkpoints.onnx_graph import GraphBuilder, onnx_bytes
from car_models.samples.vehicles import LABELS, NOT_A_VEHICLE, ROAD_VEHICLES, add_probabilities
from edge_common.openvino_runtime import ov
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray


def head(temperature: float) -> ov.CompiledModel:
    graph = GraphBuilder()
    output = add_probabilities(graph, "logits", name="probabilities", temperature=temperature)
    model = graph.model(
        "head", image="logits", image_shape=[1, 1000], output=output, output_shape=[1, len(LABELS)]
    )
    return ov.Core().compile_model(
        ov.Core().read_model(onnx_bytes(model)), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )


PLAIN, SHARP = head(1.0), head(0.5)


def probabilities(compiled: ov.CompiledModel, logits: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(compiled(logits[None])[0][0], np.float32)


def one_hot(index: int, value: float) -> NDArray[np.float32]:
    logits = np.zeros(1000, np.float32)
    logits[index] = value
    return logits


def test_labels_are_distinct_and_end_with_not_a_vehicle() -> None:
    assert len(set(LABELS)) == len(LABELS) == 29
    assert LABELS[-1] == NOT_A_VEHICLE


def test_no_label_has_an_underscore_which_stands_for_a_blank_in_an_ir() -> None:
    assert not [label for label in LABELS if "_" in label]


@pytest.mark.parametrize(("index", "label"), ROAD_VEHICLES.items())
def test_each_vehicle_class_leads_to_its_label(index: int, label: str) -> None:
    assert LABELS[probabilities(PLAIN, one_hot(index, 20)).argmax()] == label


@pytest.mark.parametrize("index", [0, 340, 406, 408, 850, 999])
def test_any_other_class_is_not_a_vehicle(index: int) -> None:
    assert LABELS[probabilities(PLAIN, one_hot(index, 20)).argmax()] == NOT_A_VEHICLE


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**32), spread=st.floats(0, 100))
def test_probabilities_are_never_negative_and_sum_to_one(seed: int, spread: float) -> None:
    answer = probabilities(PLAIN, np.random.default_rng(seed).normal(0, spread, 1000).astype(np.float32))
    assert (answer >= 0).all()
    assert answer.sum() == pytest.approx(1, abs=1e-5)


def test_all_classes_alike_give_the_rest_its_share() -> None:
    answer = probabilities(PLAIN, np.zeros(1000, np.float32))
    assert answer[:-1] == pytest.approx([1 / 1000] * 28)
    assert answer[-1] == pytest.approx(972 / 1000)


def test_a_lower_temperature_makes_the_first_surer() -> None:
    logits = one_hot(555, 5)
    assert probabilities(SHARP, logits).max() > probabilities(PLAIN, logits).max()
    assert probabilities(SHARP, logits).argmax() == probabilities(PLAIN, 2 * logits).argmax()
