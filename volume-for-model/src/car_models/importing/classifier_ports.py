"""Which tensor of a network takes the picture and which gives the scores; everything else is refused."""

from dataclasses import dataclass

import numpy as np
from edge_common.errors import RejectedError
from edge_common.model_card import Layout
from edge_common.openvino_runtime import ov

from car_models.packaging.openvino_ir import openvino_errors

_IMAGE_RANK, _CHANNELS = 4, 3
_ROUNDING = 0.02
"""How far a sum of FP16 or INT8 probabilities may be from 1."""


@dataclass(frozen=True)
class ClassifierPorts:
    """The input and the output of an image classifier; sizes in pixels."""

    image: str
    layout: Layout
    size: tuple[int, int]
    whole_numbers: bool
    """Whether the image tensor holds integers, so that it can only take plain pixels."""
    scores: str
    classes: int
    probabilities: bool
    """Whether the scores sum to 1 already."""


def as_classifier(
    network: ov.Model, size: tuple[int, int] | None, output: str | None
) -> tuple[ov.Model, ClassifierPorts]:
    """`network` for one picture of fixed size, with one output, and what its ports are.

    `size` is used where the network leaves it open, `output` where it has several. Raises RejectedError when
    it is no image classifier, or takes another size.
    """
    image = _only_input(network)
    layout, fixed = _layout(image)
    wanted = tuple(have or want for have, want in zip(fixed, size or fixed, strict=True))
    if size is not None and tuple(wanted) != size:
        raise RejectedError(
            f"the model takes pictures of {fixed[0]}x{fixed[1]} pixels, not {size[0]}x{size[1]}; "
            f"pass --size {fixed[0]}x{fixed[1]}, or export it for the other size"
        )
    height, width = wanted
    if not (height and width):
        raise RejectedError("the model takes pictures of any size; say for which: --size 224x224")
    shape = [1, _CHANNELS, height, width] if layout is Layout.NCHW else [1, height, width, _CHANNELS]
    name = _name(image)
    network = _with_one_output(network, image, output)
    unfit = f"the model cannot take one picture of {height}x{width} pixels"
    with openvino_errors(unfit, "pass its own --size, or export it for that size"):
        network.reshape({network.inputs[0]: shape})
    scores = network.outputs[0]
    ports = ClassifierPorts(
        image=name,
        layout=layout,
        size=(height, width),
        whole_numbers=not image.element_type.is_real(),
        scores=_name(scores),
        classes=_classes(scores),
        probabilities=_gives_probabilities(network),
    )
    return network, ports


def _only_input(network: ov.Model) -> ov.Output:
    if len(network.inputs) != 1:
        names = ", ".join(_name(port) for port in network.inputs)
        raise RejectedError(
            f"the model takes {len(network.inputs)} inputs ({names}); an image classifier takes one picture"
        )
    return network.inputs[0]


def _layout(image: ov.Output) -> tuple[Layout, tuple[int, int]]:
    """Layout, height and width of the image tensor; 0 where the network leaves a size open."""
    shape = image.partial_shape
    if shape.rank.is_dynamic or len(shape) != _IMAGE_RANK:
        raise RejectedError(
            f"the model's input has the shape {shape}; pictures are [N,3,height,width] or [N,height,width,3]"
        )
    sizes = [0 if dimension.is_dynamic else dimension.get_length() for dimension in shape]
    if sizes[0] > 1:
        raise RejectedError(
            f"the model takes exactly {sizes[0]} pictures at a time; export it for one, or with a free batch"
        )
    if sizes[1] == _CHANNELS:
        return Layout.NCHW, (sizes[2], sizes[3])
    if sizes[3] == _CHANNELS:
        return Layout.NHWC, (sizes[1], sizes[2])
    raise RejectedError(
        f"the model's input has the shape {shape}, in which no dimension is that of three colours; "
        "pictures are [N,3,height,width] or [N,height,width,3]"
    )


def _with_one_output(network: ov.Model, image: ov.Output, output: str | None) -> ov.Model:
    names = [_name(port) for port in network.outputs]
    if output is None and len(names) > 1:
        raise RejectedError(
            f"the model has {len(names)} outputs ({', '.join(names)}); say which it is: --output NAME"
        )
    if output is not None and output not in names:
        raise RejectedError(f"the model has no output {output!r}; it has {', '.join(names)}")
    if len(names) == 1:
        return network
    result = network.outputs[names.index(output or names[0])].get_node()
    return ov.Model([result], [image.get_node()], network.get_friendly_name())


def _classes(scores: ov.Output) -> int:
    shape = scores.partial_shape
    sizes = [] if shape.rank.is_dynamic else [0 if d.is_dynamic else d.get_length() for d in shape]
    if len(sizes) < 2 or sizes[-1] < 1 or any(size != 1 for size in sizes[:-1]):  # noqa: PLR2004 - batch, classes
        raise RejectedError(
            f"the model's output has the shape {shape}; an image classifier gives one row of scores, "
            "[N,classes]. Is this a detector, or a network without its last layer?"
        )
    return sizes[-1]


def _gives_probabilities(network: ov.Model) -> bool:
    """Whether scores are never negative and sum to 1, seen on noise: then a softmax is inside already."""
    compiled = ov.Core().compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    port = compiled.input(0)
    random = np.random.default_rng(7)
    for spread in (1.0, 100.0):
        noise = random.normal(0, spread, list(port.shape)).astype(port.element_type.to_dtype())
        scores = np.asarray(compiled(noise)[0], np.float64)
        if scores.min() < 0 or abs(scores.sum() - 1) > _ROUNDING:
            return False
    return True


def _name(port: ov.Output) -> str:
    names = port.get_names()
    return min(names) if names else str(port.get_node().get_friendly_name())
