"""What a source says about a model, held against its tensors: it can be used so, or an error says why."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edge_common.classifiers import (
    PictureInput,
    ScoreOutput,
    TensorSpec,
    activation_rejection,
    labels_rejection,
    picture_input,
    score_output,
)
from edge_common.errors import RejectedError
from edge_common.model_card import Activation, Color, Layout, ModelCard, Triple
from edge_common.model_info import read_model_info
from edge_common.pictures.steps import NO_MEAN, NO_SCALE, Preprocessing, Resizing
from edge_common.printable import printable

from car_client.errors import UnusableModelError
from car_client.kserve.inference import DYNAMIC, NUMPY_TYPES, Metadata
from car_client.models.served_model import FactSource, ServedModel

MOST_PIXELS = 2**26
"""Of all pictures in one request; as floats they take 800 MB."""
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


def describe_model(
    metadata: Metadata, version: int, card: ModelCard | None, *, warnings: tuple[str, ...] = ()
) -> ServedModel:
    """The model as this client uses it: facts from the card, else rt_info, else assumed from the shapes.

    A card without labels is completed by those of rt_info. Raises UnusableModelError when no source describes
    an image classifier that fits the served tensors; the message names the source and both sides.
    """
    try:
        return _describe(metadata, version, card, warnings)
    except UnusableModelError:
        raise
    except RejectedError as error:
        raise UnusableModelError(str(error)) from error


def _describe(
    metadata: Metadata, version: int, card: ModelCard | None, warnings: tuple[str, ...]
) -> ServedModel:
    facts = _choose_facts(metadata, card)
    taken = picture_input(metadata.inputs, name=facts.input_name, layout=facts.layout)
    image = taken.tensor
    height, width = _size(taken, facts)
    _check_room(image, height, width)
    preprocessing = Preprocessing(
        height=height,
        width=width,
        dtype=NUMPY_TYPES[image.datatype],
        layout=taken.layout,
        color=facts.color,
        mean=facts.mean,
        scale=facts.scale,
        resizing=facts.resizing,
    )
    if image.datatype.startswith("UINT") and not preprocessing.keeps_pixel_values:
        raise UnusableModelError(
            f"the {facts.source} gives mean {facts.mean} and scale {facts.scale}, but the input is {image}, "
            "which cannot hold the result; remove them if the model normalises by itself"
        )
    count = len(facts.labels) if facts.labels is not None else None
    output = score_output(metadata.outputs, name=facts.output_name, labels=count)
    _check_scores(output, facts, count)
    return ServedModel(
        name=metadata.name,
        version=version,
        input=image,
        output=output.tensor,
        preprocessing=preprocessing,
        source=facts.source,
        labels=tuple(map(printable, facts.labels)) if facts.labels is not None else None,
        activation=facts.activation,
        top_k=facts.top_k,
        min_probability=facts.min_probability,
        description=printable(facts.description),
        warnings=(*warnings, *facts.warnings),
    )


def _choose_facts(metadata: Metadata, card: ModelCard | None) -> Facts:
    types = {tensor.datatype for tensor in metadata.inputs} & NUMPY_TYPES.keys()
    whole_numbers = all(NUMPY_TYPES[datatype].kind in "iu" for datatype in types)
    if card is None:
        facts = facts_of_model_info(metadata.model_info, whole_numbers=whole_numbers)
        return facts or facts_assumed(whole_numbers=whole_numbers)
    facts = facts_of_card(card)
    try:
        inside = facts_of_model_info(metadata.model_info, whole_numbers=whole_numbers)
    except RejectedError:
        return facts  # the card is enough; what the file says badly beside it harms nobody
    if inside is None:
        return facts
    return dataclasses.replace(facts, labels=facts.labels or inside.labels)


def _size(taken: PictureInput, facts: Facts) -> tuple[int, int]:
    size = facts.size or taken.size
    if DYNAMIC in size:
        raise UnusableModelError(
            f"the input is {taken.tensor}, of any size; say in model.yaml, with input.size, what to send"
        )
    if any(have not in {DYNAMIC, say} for have, say in zip(taken.size, size, strict=True)):
        raise UnusableModelError(
            f"the {facts.source} says size {size[0]}x{size[1]}, but the input is {taken.tensor}; "
            "correct the size"
        )
    return size


def _check_room(image: TensorSpec, height: int, width: int) -> None:
    """Whether a request can be made of pictures of that size; raises UnusableModelError."""
    pictures = 1 if image.shape[0] == DYNAMIC else image.shape[0]
    if min(pictures, height, width) < 1 or pictures * height * width > MOST_PIXELS:
        raise UnusableModelError(
            f"the input is {image}, for pictures of {height}x{width}; a request has at least one pixel and "
            f"at most {MOST_PIXELS}"
        )


def _check_scores(output: ScoreOutput, facts: Facts, labels: int | None) -> None:
    """Whether labels and activation fit the scores; raises UnusableModelError."""
    wrong = labels_rejection(labels, output.classes)
    if wrong is None and facts.activation is not None:
        wrong = activation_rejection(facts.activation, output)
    if wrong is not None:
        raise UnusableModelError(f"{wrong} (the output is {output.tensor})")
