"""From a recipe to the files of one version, in memory; nothing here touches a disk."""

from collections.abc import Mapping

from edge_common.model_card import FILE_NAME as CARD_FILE
from edge_common.model_card import ImageInput
from edge_common.openvino_runtime import ov

from car_models import efficientnet
from car_models.card import IMAGE, LABELS_FILE, PROBABILITIES, SAMPLE_FILE, card_for, card_yaml
from car_models.model_info import model_info
from car_models.onnx_graph import GraphBuilder, onnx_bytes
from car_models.openvino_ir import accepting_bgr_pixels, ir_bytes
from car_models.pictures.canvas import as_jpeg
from car_models.pictures.drawn import fire_engine
from car_models.recipes import TEMPERATURES, Format, Recipe, Variant, half_weights
from car_models.vehicles import LABELS, add_probabilities
from car_models.weights import load_weights

_NORMALISED = ImageInput(name=IMAGE, mean=(efficientnet.MEAN,) * 3, scale=(efficientnet.SCALE,) * 3)
"""What the network itself takes."""
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
        network = accepting_bgr_pixels(ov.Core().read_model(onnx_bytes(model)), _NORMALISED)
        info = model_info(card, LABELS)
        xml, weights = ir_bytes(network, model_info=info, half_weights=True)
        return files | {"model.xml": xml, "model.bin": weights}
    return files | {"model.onnx": onnx_bytes(model), LABELS_FILE: "".join(f"{s}\n" for s in LABELS).encode()}
