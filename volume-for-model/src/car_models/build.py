"""From a recipe to the files of one version, in memory; nothing here touches a disk."""

from collections.abc import Mapping

from edge_common.model_card import FILE_NAME as CARD_FILE
from edge_common.model_card import ModelCard, ResizeMode

from car_models import efficientnet
from car_models.card import IMAGE, LABELS_FILE, PROBABILITIES, SAMPLE_FILE, card_for, card_yaml
from car_models.onnx_graph import GraphBuilder, onnx_bytes
from car_models.openvino_ir import ir_from_onnx
from car_models.pictures.canvas import as_jpeg
from car_models.pictures.drawn import fire_engine
from car_models.recipes import TEMPERATURES, Format, Recipe, Variant, half_weights
from car_models.vehicles import LABELS, add_probabilities
from car_models.weights import load_weights

_RESIZE_TYPES = {
    ResizeMode.STRETCH: "standard",
    ResizeMode.CROP: "crop",
    ResizeMode.LETTERBOX: "fit_to_window_letterbox",
}
"""Mode in a card -> `resize_type` of Model API."""

Files = Mapping[str, bytes]
"""Name of a file in a version folder -> its content."""


def build_files(recipe: Recipe, variant: Variant) -> Files:
    """All files of one version but SHA256SUMS; the same bytes for the same releases of onnx and openvino.

    Raises FatalError when the weights are not installed, RejectedError when they are not the known ones.
    """
    in_ir = recipe.format is Format.IR
    # save_model halves the weights of an IR by itself
    graph = GraphBuilder(half_weights=half_weights(recipe, variant) and not in_ir)
    logits = efficientnet.add_logits(graph, IMAGE, recipe.architecture, load_weights(recipe.weights))
    probabilities = add_probabilities(graph, logits, name=PROBABILITIES, temperature=TEMPERATURES[variant])
    size = recipe.architecture.size
    model = graph.model(
        recipe.model,
        image=IMAGE,
        image_shape=[1, 3, size, size],
        output=probabilities,
        output_shape=[1, len(LABELS)],
    )
    card = card_for(recipe, variant)
    files = {CARD_FILE: card_yaml(card), SAMPLE_FILE: as_jpeg(fire_engine())}
    if in_ir:
        xml, weights = ir_from_onnx(
            model,
            image=IMAGE,
            mean=efficientnet.MEAN,
            scale=efficientnet.SCALE,
            model_info=_model_info(card),
        )
        return files | {"model.xml": xml, "model.bin": weights}
    return files | {"model.onnx": onnx_bytes(model), LABELS_FILE: "".join(f"{s}\n" for s in LABELS).encode()}


def _model_info(card: ModelCard) -> Mapping[str, str]:
    """What is left for whoever prepares a picture, in the key names of Model API's `Classification`.

    Mean and scale are inside the model, so they are absent, and so is the reversal of channels.
    """
    return {
        "model_type": "Classification",
        "labels": " ".join(label.replace(" ", "_") for label in LABELS),
        "resize_type": _RESIZE_TYPES[card.input.resize.mode],
        "layout": card.input.layout.value,
        "reverse_input_channels": "False",
        "output_raw_scores": "False",
        "topk": str(card.output.top_k),
        "confidence_threshold": str(card.limits.min_probability),
    }
