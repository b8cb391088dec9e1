"""The model card of a sample model: what a client has to do before and after inference."""

import yaml
from edge_common.model_card import (
    ClassOutput,
    Color,
    ImageInput,
    Layout,
    Limits,
    ModelCard,
    Sample,
    card_as_mapping,
)

from car_models.efficientnet import MEAN, SCALE
from car_models.recipes import TEMPERATURES, Format, Recipe, Variant, half_weights
from car_models.vehicles import LABELS

IMAGE = "image"
PROBABILITIES = "probabilities"
LABELS_FILE = "labels.txt"
SAMPLE_FILE = "sample.jpg"
SAMPLE_LABEL = "fire engine"
_MIN_PROBABILITY = 0.3


def card_for(recipe: Recipe, variant: Variant) -> ModelCard:
    """The card that goes beside the model; an IR has its labels inline, an ONNX file in `labels.txt`."""
    size = (recipe.architecture.size, recipe.architecture.size)
    if recipe.format is Format.IR:
        image = ImageInput(name=IMAGE, size=size, layout=Layout.NHWC, color=Color.BGR, resize=recipe.resize)
        labels: str | tuple[str, ...] = LABELS
    else:
        image = ImageInput(
            name=IMAGE,
            size=size,
            layout=Layout.NCHW,
            color=Color.RGB,
            mean=(MEAN, MEAN, MEAN),
            scale=(SCALE, SCALE, SCALE),
            resize=recipe.resize,
        )
        labels = LABELS_FILE
    stored = "FP16" if half_weights(recipe, variant) else "FP32"
    return ModelCard(
        schema=1,
        description=(
            f"{recipe.title} with ImageNet weights, {len(LABELS) - 1} road vehicles and 'not a vehicle'; "
            f"variant {variant}: {stored} weights, softmax temperature {TEMPERATURES[variant]}"
        ),
        input=image,
        output=ClassOutput(name=PROBABILITIES, labels=labels),
        limits=Limits(min_probability=_MIN_PROBABILITY),
        sample=Sample(picture=SAMPLE_FILE, label=SAMPLE_LABEL),
    )


def card_yaml(card: ModelCard) -> bytes:
    """`model.yaml`, in the order of the schema, with the schema's number first."""
    mapping = card_as_mapping(card)
    ordered = {"schema": mapping.pop("schema"), "task": card.task, **mapping}
    text = yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True, width=100, default_flow_style=None)
    return text.encode()
