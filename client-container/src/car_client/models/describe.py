"""Hold a model's facts against its tensors: the result can be used as it stands, or an error says why."""

import dataclasses

from edge_common.errors import RejectedError
from edge_common.model_card import Layout, ModelCard
from edge_common.pictures.steps import Preprocessing
from edge_common.printable import printable

from car_client.errors import UnusableModelError
from car_client.kserve.inference import DYNAMIC, NUMPY_TYPES, TensorSpec
from car_client.kserve.metadata import Metadata
from car_client.models.facts import Facts, facts_assumed, facts_of_card
from car_client.models.model_info import facts_of_model_info
from car_client.models.served_model import ServedModel

_CHANNELS = 3
_IMAGE_RANK = 4


def describe_model(
    metadata: Metadata, version: int, card: ModelCard | None, *, warnings: tuple[str, ...] = ()
) -> ServedModel:
    """The model as this client uses it: facts from the card, else rt_info, else assumed from the shapes.

    A card without labels is completed by those of rt_info. Raises UnusableModelError when no source describes
    an image classifier that fits the served tensors; the message names the source and both sides.
    """
    wanted = card.input.name if card is not None else None
    image = _image_input(metadata, wanted)
    facts = _choose_facts(metadata, image, card)
    layout = _layout(image, facts)
    height, width = _size(image, layout, facts)
    preprocessing = Preprocessing(
        height=height,
        width=width,
        dtype=NUMPY_TYPES[image.datatype],
        layout=layout,
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
    output = _class_output(metadata, facts)
    return ServedModel(
        name=metadata.name,
        version=version,
        input=image,
        output=output,
        preprocessing=preprocessing,
        source=facts.source,
        labels=_labels(output, facts),
        activation=facts.activation,
        top_k=facts.top_k,
        min_probability=facts.min_probability,
        description=printable(facts.description),
        warnings=(*warnings, *facts.warnings),
    )


def _choose_facts(metadata: Metadata, image: TensorSpec, card: ModelCard | None) -> Facts:
    whole_numbers = NUMPY_TYPES[image.datatype].kind in "iu"
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


def _image_input(metadata: Metadata, wanted: str | None) -> TensorSpec:
    listed = ", ".join(str(tensor) for tensor in metadata.inputs) or "none"
    if len(metadata.inputs) != 1:
        raise UnusableModelError(f"the model's inputs are {listed}; this client feeds one picture, no more")
    image = metadata.inputs[0]
    if wanted is not None and wanted != image.name:
        raise UnusableModelError(f"the card names the input {wanted!r}, but the model has {listed}")
    if len(image.shape) != _IMAGE_RANK:
        raise UnusableModelError(f"the input is {listed}; a picture needs 4 dimensions, NCHW or NHWC")
    if image.datatype not in NUMPY_TYPES or image.datatype == "BOOL":
        raise UnusableModelError(f"the input is {listed}; pictures cannot be sent in that datatype")
    return image


def _layout(image: TensorSpec, facts: Facts) -> Layout:
    channels = {Layout.NCHW: image.shape[1], Layout.NHWC: image.shape[3]}
    if facts.layout is not None:
        if channels[facts.layout] not in {_CHANNELS, DYNAMIC}:
            raise UnusableModelError(
                f"the {facts.source} says layout {facts.layout}, but the input is {image}; correct the layout"
            )
        return facts.layout
    for layout, size in channels.items():
        if size == _CHANNELS:
            return layout
    raise UnusableModelError(f"the input is {image}; no dimension has the 3 channels of a colour picture")


def _size(image: TensorSpec, layout: Layout, facts: Facts) -> tuple[int, int]:
    served = image.shape[2:4] if layout is Layout.NCHW else image.shape[1:3]
    size = facts.size or (served[0], served[1])
    if DYNAMIC in size:
        raise UnusableModelError(
            f"the input is {image}, of any size; say in model.yaml, with input.size, what to send"
        )
    if any(have not in {DYNAMIC, say} for have, say in zip(served, size, strict=True)):
        raise UnusableModelError(
            f"the {facts.source} says size {size[0]}x{size[1]}, but the input is {image}; correct the size"
        )
    return size


def _class_output(metadata: Metadata, facts: Facts) -> TensorSpec:
    outputs = metadata.outputs
    listed = ", ".join(str(tensor) for tensor in outputs) or "none"
    if facts.output_name is not None:
        outputs = tuple(tensor for tensor in outputs if tensor.name == facts.output_name)
        if not outputs:
            raise UnusableModelError(
                f"the {facts.source} names the output {facts.output_name!r}, but the model has {listed}"
            )
    candidates = [tensor for tensor in outputs if _class_count(tensor) is not None]
    if facts.labels is not None and len(candidates) > 1:
        candidates = [tensor for tensor in candidates if _class_count(tensor) == len(facts.labels)]
    if len(candidates) != 1:
        raise UnusableModelError(
            f"the outputs are {listed}; one of them must be a vector of class scores (name it in model.yaml "
            "with output.name)"
        )
    return candidates[0]


def _class_count(tensor: TensorSpec) -> int | None:
    """Classes of a score vector [N,C], also with trailing ones; -1 when any number; None: no such vector."""
    floats = tensor.datatype in NUMPY_TYPES and NUMPY_TYPES[tensor.datatype].kind == "f"
    if not floats or len(tensor.shape) < 2 or any(size != 1 for size in tensor.shape[2:]):  # noqa: PLR2004 - batch and classes
        return None
    return tensor.shape[1]


def _labels(output: TensorSpec, facts: Facts) -> tuple[str, ...] | None:
    classes = _class_count(output)
    if facts.labels is not None and classes not in {DYNAMIC, None, len(facts.labels)}:
        raise UnusableModelError(
            f"there are {len(facts.labels)} labels, but the output is {output}; each class needs one label"
        )
    return tuple(map(printable, facts.labels)) if facts.labels is not None else None
