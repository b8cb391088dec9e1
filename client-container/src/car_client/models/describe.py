"""Hold a model's facts against its tensors: the result can be used as it stands, or an error says why."""

import dataclasses

from edge_common.classifiers import (
    PictureInput,
    ScoreOutput,
    activation_rejection,
    labels_rejection,
    picture_input,
    score_output,
)
from edge_common.errors import RejectedError
from edge_common.model_card import ModelCard
from edge_common.pictures.steps import Preprocessing
from edge_common.printable import printable

from car_client.errors import UnusableModelError
from car_client.kserve.inference import DYNAMIC, NUMPY_TYPES, TensorSpec
from car_client.kserve.metadata import Metadata
from car_client.models.facts import Facts, facts_assumed, facts_of_card, facts_of_model_info
from car_client.models.served_model import ServedModel

_MOST_PIXELS = 2**26
"""Of all pictures in one request; as floats they take 800 MB."""


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


def _size(taken: PictureInput[TensorSpec], facts: Facts) -> tuple[int, int]:
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
    if min(pictures, height, width) < 1 or pictures * height * width > _MOST_PIXELS:
        raise UnusableModelError(
            f"the input is {image}, for pictures of {height}x{width}; a request has at least one pixel and "
            f"at most {_MOST_PIXELS}"
        )


def _check_scores(output: ScoreOutput[TensorSpec], facts: Facts, labels: int | None) -> None:
    """Whether labels and activation fit the scores; raises UnusableModelError."""
    wrong = labels_rejection(labels, output.classes)
    if wrong is None and facts.activation is not None:
        wrong = activation_rejection(facts.activation, output)
    if wrong is not None:
        raise UnusableModelError(f"{wrong} (the output is {output.tensor})")
