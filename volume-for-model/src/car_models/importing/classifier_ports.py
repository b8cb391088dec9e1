"""A network made a classifier: one tensor takes one picture, one gives its scores, [1,C] of floats."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from edge_common.classifiers import FREE, QUANTISED, ScoreOutput, TensorSpec, picture_input, score_output
from edge_common.errors import RejectedError
from edge_common.model_card import Layout
from edge_common.openvino_runtime import ops, ov, preprocessing

from car_models.importing.activation import ScoreEvidence, gather_evidence, last_computing_node
from car_models.packaging.openvino_ir import openvino_errors, ports_of

_CHANNELS: Final = 3


@dataclass(frozen=True)
class ClassifierPorts:
    """The input and the output of an image classifier; sizes in pixels."""

    image: str
    layout: Layout
    size: tuple[int, int]
    whole_numbers: bool
    """Whether the image tensor holds integers, so that it can only take plain pixels."""
    scores: ScoreOutput
    evidence: ScoreEvidence


def as_classifier(
    network: ov.Model,
    size: tuple[int, int] | None,
    *,
    output: str | None = None,
    labels: int | None = None,
    layout: Layout | None = None,
) -> tuple[ov.Model, ClassifierPorts]:
    """`network` for one picture of fixed size, with one row of float scores, and what its ports are.

    `size` and `layout` are used where the network leaves them open, `output` and the number of `labels` where
    it has several outputs. Raises RejectedError when it is no image classifier, or takes another size.
    """
    network = _with_usual_floats(network)
    image = picture_input(ports_of(network.inputs), layout=layout)
    height, width = _agreed_size(image.size, size)
    shape = [1, _CHANNELS, height, width] if image.layout is Layout.NCHW else [1, height, width, _CHANNELS]
    with openvino_errors(
        f"the model cannot take one picture of {height}x{width} pixels",
        "export it for one picture of that size, or with a free batch",
    ):
        network.reshape({network.inputs[0]: shape})
    outputs = _for_one_picture(ports_of(network.outputs))
    scores = score_output(outputs, name=output, labels=labels)
    index = outputs.index(scores.tensor)
    last_node = last_computing_node(network.outputs[index])
    network = _with_one_row(network, index, scores)
    evidence = gather_evidence(network, last_node)
    if scores.tensor.datatype in QUANTISED and not evidence.surely_probabilities:
        raise RejectedError(
            f"the model's output is {scores.tensor}: raw scores whose scale is not in the file; export it "
            "with a float output, or with a softmax or sigmoid inside"
        )
    ports = ClassifierPorts(
        image=image.tensor.name,
        layout=image.layout,
        size=(height, width),
        whole_numbers=not network.inputs[0].element_type.is_real(),
        scores=scores,
        evidence=evidence,
    )
    return network, ports


def _agreed_size(fixed: tuple[int, int], wanted: tuple[int, int] | None) -> tuple[int, int]:
    open_to_any = FREE in fixed
    if open_to_any and wanted is None:
        raise RejectedError("the model takes pictures of any size; say for which: --size 224x224")
    height, width = (say if have == FREE else have for have, say in zip(fixed, wanted or fixed, strict=True))
    if wanted not in {None, (height, width)}:
        raise RejectedError(
            f"the model takes pictures of {height}x{width} pixels, not {wanted[0]}x{wanted[1]}; "
            f"pass --size {height}x{width}, or export it for the other size"
        )
    return height, width


def _with_usual_floats(network: ov.Model) -> ov.Model:
    """Let bf16 and f64 at the border be f32: not every client can send or read them."""
    steps = preprocessing.PrePostProcessor(network)
    rare = {ov.Type.bf16, ov.Type.f64}
    inputs = [index for index, port in enumerate(network.inputs) if port.element_type in rare]
    outputs = [index for index, port in enumerate(network.outputs) if port.element_type in rare]
    if not inputs and not outputs:
        return network
    for index in inputs:
        steps.input(index).tensor().set_element_type(ov.Type.f32)
    for index in outputs:
        steps.output(index).tensor().set_element_type(ov.Type.f32)
    return steps.build()


def _for_one_picture(ports: Sequence[TensorSpec]) -> list[TensorSpec]:
    """Outputs of a network that takes one picture, with the batch that some exports squeeze away."""
    return [replace(port, shape=(1, *port.shape)) if len(port.shape) == 1 else port for port in ports]


def _with_one_row(network: ov.Model, index: int, scores: ScoreOutput) -> ov.Model:
    """`network` with the output `index` alone, as [1,C] of floats under the same name."""
    if scores.classes == FREE or scores.tensor.shape[0] not in {1, FREE}:
        raise RejectedError(
            f"for one picture the model's output is {scores.tensor}, which is not one row of scores; export "
            "it for one picture, or with a free batch"
        )
    source = network.outputs[index].get_node().input_value(0)
    wanted = [1, scores.classes]
    quantised = scores.tensor.datatype in QUANTISED
    if [port.shape for port in ports_of(network.outputs)] == [tuple(wanted)] and not quantised:
        return network
    node: Any = source
    if quantised:
        bounds = np.iinfo(network.outputs[index].element_type.to_dtype())
        least = 0 if bounds.dtype == np.int16 else int(bounds.min)
        steps = 32768 if bounds.dtype == np.int16 else int(bounds.max) - int(bounds.min) + 1
        as_floats = ops.subtract(ops.convert(node, "f32"), np.float32(least))
        node = ops.multiply(as_floats, np.float32(1 / steps))
    node = ops.reshape(node, np.array(wanted, np.int64), special_zero=False)
    node.output(0).set_names({scores.tensor.name})
    image = network.inputs[0].get_node()
    return ov.Model([ops.result(node)], [image], network.get_friendly_name())
