"""What a classifier is: which input takes the picture, which output gives the scores, and what fits them.

Import, check, preflight and the client decide by these functions, so that what one accepts the others serve.
Shapes and datatypes are as KServe v2 writes them, whoever tells them; -1 stands for a dimension of any size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from edge_common.errors import RejectedError
from edge_common.model_card import Activation, Layout

FREE: Final = -1
FLOATS: Final = frozenset({"FP16", "FP32", "FP64"})
QUANTISED: Final = frozenset({"INT8", "UINT8", "INT16", "UINT16"})
"""Scores in these are probabilities in even steps, as TFLite's quantised softmax and sigmoid give them."""
PICTURE_TYPES: Final = FLOATS | QUANTISED | {"INT32", "UINT32", "INT64", "UINT64"}
_IMAGE_RANK, _CHANNELS = 4, 3
_PAIR: Final = 2


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name, datatype and shape of an input or output; no dimensions where even their number is open."""

    name: str
    datatype: str
    """As KServe v2 calls it, such as FP32."""
    shape: Annotated[tuple[int, ...], Field(max_length=16)]

    def __str__(self) -> str:
        return f"{self.name} {self.datatype} [{','.join('?' if n == FREE else str(n) for n in self.shape)}]"


def datatype_of_openvino(name: str) -> str:
    """KServe's name of OpenVINO's element type `name`, such as FP32 of f32."""
    word = {"f": "FP", "bf": "BF", "i": "INT", "u": "UINT"}.get(name.rstrip("0123456789"))
    return "BOOL" if name == "boolean" else name.upper() if word is None else word + name.lstrip("bfiu")


@dataclass(frozen=True, slots=True)
class PictureInput:
    """The input that takes pictures: `size` is height and width, -1 where the model leaves one open."""

    tensor: TensorSpec
    layout: Layout
    size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class ScoreOutput:
    """The output that gives one row of scores for each picture; `classes` is -1 where that is open."""

    tensor: TensorSpec
    classes: int


def picture_input(
    inputs: Sequence[TensorSpec], *, name: str | None = None, layout: Layout | None = None
) -> PictureInput:
    """The one input, which has to be [N,3,height,width] or [N,height,width,3] of numbers.

    `name` and `layout` are what a card says of it. Raises RejectedError that tells what there is instead.
    """
    if len(inputs) != 1:
        raise RejectedError(
            f"the model's inputs are {_listed(inputs)}; an image classifier takes one picture and nothing "
            "else, so export it with that input alone"
        )
    (image,) = inputs
    if name is not None and name != image.name:
        raise RejectedError(f"the card names the input {name!r}, but the model has {image}; correct it")
    if image.datatype not in PICTURE_TYPES:
        raise RejectedError(f"the input is {image}; no picture can be sent as {image.datatype}")
    found = _layout(image.shape, layout)
    if found is None:
        said = f" and layout {layout} in the card" if layout is not None else ""
        raise RejectedError(
            f"the input is {image}{said}, in which no dimension is that of three colours; pictures are "
            "[N,3,height,width] or [N,height,width,3]"
        )
    height, width = image.shape[2:4] if found is Layout.NCHW else image.shape[1:3]
    return PictureInput(image, found, (height, width))


def _layout(shape: Sequence[int], said: Layout | None) -> Layout | None:
    if len(shape) != _IMAGE_RANK:
        return None
    channels = {Layout.NCHW: shape[1], Layout.NHWC: shape[3]}
    if said is not None:
        return said if channels[said] in {_CHANNELS, FREE} else None
    for wanted in (_CHANNELS, FREE):  # a fixed three says more than an open dimension
        fitting = [layout for layout, size in channels.items() if size == wanted]
        if fitting and (wanted == _CHANNELS or len(fitting) == 1):
            return fitting[0]
    return None


def score_output(
    outputs: Sequence[TensorSpec], *, name: str | None = None, labels: int | None = None
) -> ScoreOutput:
    """The output with the scores: the one that the card names, else the only row of scores.

    Of several rows of scores, the one with as many classes as there are `labels` is meant. Raises
    RejectedError when none is, or nothing tells which.
    """
    named = [output for output in outputs if name in {None, output.name}]
    if not named:
        raise RejectedError(f"there is no output {name!r}; the model has {_listed(outputs)}")
    rows = [ScoreOutput(output, classes) for output in named if (classes := class_count(output)) is not None]
    if not rows:
        raise RejectedError(
            f"the model's output is {_listed(named)}; an image classifier gives one row of scores for a "
            "picture, [N,classes] of floats or of integers with 8 or 16 bits. Is this a detector, or a "
            "network without its last layer?"
        )
    fitting = [row for row in rows if labels_rejection(labels, row.classes) is None]
    if len(rows) > 1 and labels is not None and len(fitting) == 1:
        return fitting[0]
    if len(rows) > 1:
        raise RejectedError(
            f"the outputs {_listed([row.tensor for row in rows])} could all be the scores; say which it is: "
            "output.name in the card, or --output NAME of car-models import"
        )
    return rows[0]


def class_count(output: TensorSpec) -> int | None:
    """How many classes it has scores for, -1 where that is open; None when it is no row of scores.

    A row is [N,C] with ones anywhere after the batch, or [N] for one score; floats or quantised numbers.
    """
    if output.datatype not in FLOATS | QUANTISED or len(output.shape) == 0:
        return None
    beyond = [size for size in output.shape[1:] if size != 1]
    if len(output.shape) == 1:
        return 1 if output.shape[0] in {FREE, 1} else None
    match beyond:
        case []:
            return 1
        case [classes] if classes != 0:
            return classes
    return None


def labels_rejection(labels: int | None, classes: int) -> str | None:
    """Why so many labels do not fit so many scores; None where they do, or where one of both is not known.

    One score may have two labels: a binary classifier.
    """
    if labels is None or classes in {FREE, labels} or (classes, labels) == (1, _PAIR):
        return None
    either = (
        "one label, or two for no and yes" if classes == 1 else "one label for each, in the model's order"
    )
    return f"there are {labels} labels, but the model gives {classes} values; give {either}"


def activation_rejection(activation: Activation, scores: ScoreOutput) -> str | None:
    """Why `activation` cannot make probabilities of such scores; None where it can."""
    if activation is Activation.SOFTMAX and scores.classes == 1:
        return "a softmax over one score is always 1; the activation of one score is sigmoid, or none"
    if activation is not Activation.NONE and scores.tensor.datatype in QUANTISED:
        return (
            f"the scores are {scores.tensor.datatype}, whose scale nothing tells, so that no {activation} "
            "can be computed; export the model with a float output"
        )
    return None


def _listed(tensors: Sequence[TensorSpec]) -> str:
    return ", ".join(str(tensor) for tensor in tensors) or "none"
