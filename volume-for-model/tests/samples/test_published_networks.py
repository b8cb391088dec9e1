from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest
from car_models.evaluating.classifier import Classifier
from car_models.evaluating.pictures import read_rgb
from car_models.importing.checkpoints import architectures, efficientnet
from car_models.importing.checkpoints.onnx_graph import GraphBuilder
from car_models.importing.checkpoints.state_dict import Tensors
from car_models.samples.canvas import Picture
from car_models.samples.recipes import LABELS, RECIPES, ROAD_VEHICLES, STRETCH, TEMPERATURES, Variant
from edge_common.errors import RejectedError
from numpy.typing import NDArray

from .reference_network import LITE0_BLOCKS, LITE2_BLOCKS, imagenet_probabilities

LITE0, LITE2 = (recipe.model for recipe in RECIPES)

PHOTOS = ("photo-fire-engine.jpg", "photo-bus.jpg", "photo-convertible.jpg", "photo-bear.jpg")
SIZES = {LITE0: 224, LITE2: 260}
Reference = Callable[[Picture, Variant], NDArray[np.float64]]


@pytest.fixture(scope="module")
def reference(tensors: Mapping[str, Tensors]) -> Callable[[str], Reference]:
    """What the published 1000-class network says about a picture of its size, summed to our labels."""
    networks: dict[str, Callable[[NDArray[np.float32], float], NDArray[np.float64]]] = {}

    def for_model(model: str) -> Reference:
        if model not in networks:
            blocks = LITE0_BLOCKS if model == LITE0 else LITE2_BLOCKS
            networks[model] = imagenet_probabilities(tensors[model], blocks, SIZES[model])

        def probabilities(picture: Picture, variant: Variant) -> NDArray[np.float64]:
            rgb = (picture.astype(np.float32) - 127) / 128
            tensor = np.ascontiguousarray(rgb.transpose(2, 0, 1)[None], np.float32)
            imagenet = networks[model](tensor, TEMPERATURES[variant])
            vehicles = imagenet[list(ROAD_VEHICLES)]
            return np.append(vehicles, 1 - vehicles.sum())

        return probabilities

    return for_model


@pytest.fixture(scope="module")
def photos(pictures: Path) -> Callable[[str], list[Picture]]:
    """Photos already at a model's size, so that no resize can blur a comparison."""

    def at_size_of(model: str) -> list[Picture]:
        size = (SIZES[model], SIZES[model])
        loaded = (read_rgb(pictures / name) for name in PHOTOS)
        return [
            np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8) for photo in loaded
        ]

    return at_size_of


def answer(model: Classifier, picture: Picture) -> NDArray[np.float64]:
    by_label = {prediction.label: prediction.probability for prediction in model.classify(picture, STRETCH)}
    return np.array([by_label[label] for label in LABELS])


@pytest.mark.parametrize(
    ("model", "version", "variant", "tolerance"),
    [
        # FP32 on both sides: folding batch-norm and another order of sums move only the last digits
        (LITE0, "1", Variant.PLAIN, 1e-5),
        # FP16 weights: 11 bits each, over 16 and 21 blocks
        (LITE0, "2", Variant.SHARP, 0.005),
        (LITE2, "1", Variant.PLAIN, 0.005),
        (LITE2, "2", Variant.SHARP, 0.005),
    ],
)
def test_built_models_answer_as_the_published_network_does(
    *,
    models: Path,
    reference: Callable[[str], Reference],
    photos: Callable[[str], list[Picture]],
    model: str,
    version: str,
    variant: Variant,
    tolerance: float,
) -> None:
    built = Classifier(models / model / version)
    for picture in photos(model):
        np.testing.assert_allclose(
            answer(built, picture), reference(model)(picture, variant), rtol=0, atol=tolerance
        )


@pytest.mark.parametrize(
    ("architecture", "blocks"), [(architectures.LITE0, LITE0_BLOCKS), (architectures.LITE2, LITE2_BLOCKS)]
)
def test_blocks_have_the_kernels_and_strides_of_the_paper(
    architecture: architectures.Architecture, blocks: list[tuple[int, int, int]]
) -> None:
    assert list(architecture.blocks()) == [(kernel, stride) for kernel, stride, _channels in blocks]


def test_weights_of_a_deeper_network_are_rejected(tensors: Mapping[str, Tensors]) -> None:
    with pytest.raises(RejectedError, match="deeper network"):
        efficientnet.add_logits(GraphBuilder(), "image", architectures.LITE0, tensors[LITE2])


def test_weights_of_another_network_are_rejected_by_the_first_tensor_that_does_not_fit(
    tensors: Mapping[str, Tensors],
) -> None:
    with pytest.raises(
        RejectedError, match=r"_blocks\.\d+\..* belongs; these are weights of another network"
    ):
        efficientnet.add_logits(GraphBuilder(), "image", architectures.LITE2, tensors[LITE0])


def test_a_missing_tensor_is_named(tensors: Mapping[str, Tensors]) -> None:
    lacking = {name: tensor for name, tensor in tensors[LITE0].items() if name != "_bn0.running_var"}
    with pytest.raises(RejectedError, match=r"'_bn0\.running_var' is missing"):
        efficientnet.add_logits(GraphBuilder(), "image", architectures.LITE0, lacking)
