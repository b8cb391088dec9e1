"""What one source says about a model, before it is held against the tensors the server really has."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edge_common.model_card import Activation, Color, Layout, ModelCard, Triple
from edge_common.model_info import read_model_info
from edge_common.pictures.steps import NO_MEAN, NO_SCALE, Resizing

from car_client.models.served_model import FactSource

IMAGENET_MEAN: Triple = (123.675, 116.28, 103.53)
IMAGENET_SCALE: Triple = (58.395, 57.12, 57.375)
"""The usual ImageNet normalisation in 0...255 units (torchvision's 0.485... and 0.229... times 255)."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a source can say; None where it says nothing."""

    source: FactSource
    input_name: str | None = None
    size: tuple[int, int] | None = None
    """Height and width in pixels."""
    layout: Layout | None = None
    color: Color = Color.RGB
    mean: Triple = NO_MEAN
    scale: Triple = NO_SCALE
    resizing: Resizing = field(default_factory=Resizing)
    output_name: str | None = None
    activation: Activation | None = None
    labels: tuple[str, ...] | None = None
    top_k: int = 5
    min_probability: float = 0.0
    description: str = ""
    warnings: tuple[str, ...] = ()


def facts_of_card(card: ModelCard) -> Facts:
    """The card's facts; its labels are used when they are inline, as the sidecar sends them."""
    image, output = card.input, card.output
    return Facts(
        source=FactSource.CARD,
        input_name=image.name,
        size=image.size,
        layout=image.layout if "layout" in image.model_fields_set else None,
        color=image.color,
        mean=image.mean,
        scale=image.scale,
        resizing=Resizing.of_card(image.resize),
        output_name=output.name,
        activation=output.activation,
        labels=output.labels if isinstance(output.labels, tuple) else None,
        top_k=output.top_k,
        min_probability=card.limits.min_probability,
        description=card.description,
        warnings=(
            (f"the labels are in {output.labels!r}, which did not come with the card; classes have numbers",)
            if isinstance(output.labels, str)
            else ()
        ),
    )


def facts_of_model_info(info: Mapping[str, Any], *, whole_numbers: bool) -> Facts | None:
    """The facts that the model's own file gives; None without any. Raises as `read_model_info` does."""
    said = read_model_info(info, whole_numbers=whole_numbers)
    if said is None:
        return None
    return Facts(
        source=FactSource.RT_INFO,
        size=said.size,
        layout=said.layout,
        color=said.color,
        mean=said.mean,
        scale=said.scale,
        resizing=said.resizing,
        labels=said.labels,
        top_k=said.top_k,
        min_probability=said.min_probability,
        warnings=said.warnings,
    )


def facts_assumed(*, whole_numbers: bool) -> Facts:
    """What is assumed of a model that comes with shapes only; `whole_numbers`: its input is of integers."""
    mean, scale = (NO_MEAN, NO_SCALE) if whole_numbers else (IMAGENET_MEAN, IMAGENET_SCALE)
    values = "0...255" if whole_numbers else f"less mean {mean} over scale {scale}"
    picture = f"RGB, stretched to size, values {values}"
    scores = "no labels, a softmax if scores are not from 0 to 1"
    assumed = f"neither a card nor rt_info: assumed {picture}, {scores}"
    return Facts(
        source=FactSource.SHAPES,
        mean=mean,
        scale=scale,
        warnings=(f"{assumed}; upload a model.yaml to make it certain",),
    )
