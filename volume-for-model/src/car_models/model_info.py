"""A card's facts as rt_info/model_info of an IR, in the key names of Model API's `Classification`."""

from collections.abc import Mapping, Sequence

from edge_common.model_card import Color, ModelCard, ResizeMode, Triple
from edge_common.pictures.steps import NO_MEAN, NO_SCALE

_RESIZE_TYPES = {
    ResizeMode.STRETCH: "standard",
    ResizeMode.CROP: "crop",
    ResizeMode.LETTERBOX: "fit_to_window_letterbox",
}
"""Mode in a card -> `resize_type` of Model API."""


def model_info(card: ModelCard, labels: Sequence[str]) -> Mapping[str, str]:
    """What is left to do for whoever prepares a picture; what is inside the model is absent.

    Model API hands over BGR pixels, so the channels are reversed for a model that takes RGB. A blank in a
    label becomes an underscore, since blanks separate labels.
    """
    image = card.input
    info = {
        "model_type": "Classification",
        "labels": " ".join(label.replace(" ", "_") for label in labels),
        "resize_type": _RESIZE_TYPES[image.resize.mode],
        "layout": image.layout.value,
        "reverse_input_channels": str(image.color is Color.RGB),
        "output_raw_scores": "False",
        "topk": str(card.output.top_k),
        "confidence_threshold": str(card.limits.min_probability),
    }
    if image.mean != NO_MEAN:
        info["mean_values"] = _numbers(image.mean)
    if image.scale != NO_SCALE:
        info["scale_values"] = _numbers(image.scale)
    if image.resize.mode is ResizeMode.LETTERBOX:
        info["pad_value"] = f"{image.resize.pad_value:g}"
    return info


def _numbers(triple: Triple) -> str:
    return " ".join(f"{value:.9g}" for value in triple)
