"""EfficientNet B0 to B3 and Lite0 to Lite2 as an ONNX graph, written node by node from the weights.

Tensors are named as by the package efficientnet_pytorch; `names` brings others to that.
"""

from dataclasses import dataclass

import numpy as np
from edge_common.errors import RejectedError
from numpy.typing import NDArray

from car_models.importing.checkpoints.architectures import (
    ARCHITECTURES,
    TENSORFLOW,
    Architecture,
    Conventions,
)
from car_models.importing.checkpoints.onnx_graph import GraphBuilder
from car_models.importing.checkpoints.state_dict import Tensors


@dataclass(frozen=True)
class _Network:
    graph: GraphBuilder
    tensors: Tensors
    lite: bool
    conventions: Conventions

    def take(self, name: str, *shape: int | None) -> NDArray[np.float32]:
        """The tensor `name`, checked against `shape` (None: any); raises RejectedError."""
        tensor = self.tensors.get(name)
        fits = (
            tensor is not None
            and tensor.dtype == np.float32
            and tensor.ndim == len(shape)
            and all(want in (None, have) for want, have in zip(shape, tensor.shape, strict=True))
        )
        if tensor is None or not fits:
            found = "is missing" if tensor is None else f"has shape {tensor.shape} and type {tensor.dtype}"
            wanted = "x".join("?" if n is None else str(n) for n in shape)
            raise RejectedError(
                f"tensor {name!r} {found} where float32 {wanted} belongs; "
                "these are weights of another network"
            )
        return tensor

    def convolve(
        self, x: str, prefix: str, norm: str, *, kernel: int = 1, stride: int = 1, depthwise: bool = False
    ) -> str:
        """Convolution with its batch normalisation folded in: y = (w * g) x + (beta - mean * g)."""
        weight = self.take(f"{prefix}.weight", None, 1 if depthwise else None, kernel, kernel)
        gamma, beta, mean, variance = (
            self.take(f"{norm}.{part}", len(weight))
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        gain = gamma / np.sqrt(variance + np.float32(self.conventions.epsilon))
        same, sides = {"auto_pad": "SAME_UPPER"}, {"pads": [kernel // 2] * 4}
        padding = same if self.conventions.same_padding else sides
        return self.graph.add(
            "Conv",
            x,
            self.graph.constant(f"{prefix}.weight", weight * gain[:, None, None, None]),
            self.graph.constant(f"{prefix}.bias", beta - mean * gain),
            name=prefix,
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            group=len(weight) if depthwise else 1,
            **padding,
        )

    def activate(self, x: str) -> str:
        """ReLU6 in Lite, else swish."""
        if self.lite:
            low = self.graph.constant("zero", np.float32(0))
            six = self.graph.constant("six", np.float32(6))
            return self.graph.add("Clip", x, low, six, name=f"{x}.relu6")
        return self.graph.add("Mul", x, self.graph.add("Sigmoid", x, name=f"{x}.sigmoid"), name=f"{x}.swish")

    def squeeze_and_excite(self, x: str, at: str) -> str:
        """Scale each channel by what a small network makes of all channels' means; not in Lite."""
        if self.lite:
            return x
        mean = self.graph.add("GlobalAveragePool", x, name=f"{at}.se_pool")
        reduced = self.activate(self.convolve_plain(mean, f"{at}._se_reduce"))
        gate = self.graph.add(
            "Sigmoid", self.convolve_plain(reduced, f"{at}._se_expand"), name=f"{at}.se_gate"
        )
        return self.graph.add("Mul", x, gate, name=f"{at}.se")

    def convolve_plain(self, x: str, prefix: str) -> str:
        """1x1 convolution with a bias of its own."""
        weight = self.take(f"{prefix}.weight", None, None, 1, 1)
        bias = self.graph.constant(f"{prefix}.bias", self.take(f"{prefix}.bias", len(weight)))
        kernel = self.graph.constant(f"{prefix}.weight", weight)
        return self.graph.add("Conv", x, kernel, bias, name=prefix, kernel_shape=[1, 1])

    def block(self, x: str, index: int, kernel: int, stride: int) -> str:
        """Inverted residual: expand (where it has it), depthwise, project; a shortcut where shapes allow."""
        at = f"_blocks.{index}"
        expands = f"{at}._expand_conv.weight" in self.tensors
        y = self.activate(self.convolve(x, f"{at}._expand_conv", f"{at}._bn0")) if expands else x
        y = self.convolve(
            y, f"{at}._depthwise_conv", f"{at}._bn1", kernel=kernel, stride=stride, depthwise=True
        )
        y = self.squeeze_and_excite(self.activate(y), at)
        y = self.convolve(y, f"{at}._project_conv", f"{at}._bn2")
        first = self.take(f"{at}.{'_expand_conv' if expands else '_depthwise_conv'}.weight", *[None] * 4)
        channels_in = first.shape[1] if expands else first.shape[0]
        channels_out = len(self.take(f"{at}._project_conv.weight", *[None] * 4))
        returns = stride == 1 and channels_in == channels_out
        return self.graph.add("Add", y, x, name=f"{at}.add") if returns else y


def recognise(tensors: Tensors) -> Architecture:
    """Which member of the family these weights are of, told by their squeezes, blocks and last channels.

    Raises RejectedError that names the known members.
    """
    lite = not any("._se_reduce." in name for name in tensors)
    count = len({name.split(".")[1] for name in tensors if name.startswith("_blocks.")})
    last = tensors.get(f"_blocks.{count - 1}._project_conv.weight")
    found = (lite, count, len(last) if last is not None else 0)
    for architecture in ARCHITECTURES:
        if found == (architecture.lite, sum(architecture.stages()), architecture.last_channels):
            return architecture
    known = ", ".join(architecture.name.removeprefix("EfficientNet-") for architecture in ARCHITECTURES)
    raise RejectedError(
        f"these are not weights of an EfficientNet {known} ({len(tensors)} tensors, {count} blocks); "
        "export the network to ONNX and import that"
    )


def add_logits(
    graph: GraphBuilder,
    image: str,
    architecture: Architecture,
    tensors: Tensors,
    conventions: Conventions = TENSORFLOW,
) -> str:
    """Add the network from `image` [N,3,size,size] to the logits [N,classes]; returns their name.

    Raises RejectedError when `tensors` are not this architecture's weights.
    """
    network = _Network(graph, tensors, architecture.lite, conventions)
    blocks = list(architecture.blocks())
    if f"_blocks.{len(blocks)}._project_conv.weight" in tensors:
        raise RejectedError(
            f"the weights have more than {len(blocks)} blocks; they belong to a deeper network"
        )
    x = network.activate(network.convolve(image, "_conv_stem", "_bn0", kernel=3, stride=2))
    for index, (kernel, stride) in enumerate(blocks):
        x = network.block(x, index, kernel, stride)
    x = network.activate(network.convolve(x, "_conv_head", "_bn1"))
    x = graph.add("Flatten", graph.add("GlobalAveragePool", x, name="pool"), name="features", axis=1)
    classifier = network.take("_fc.weight", None, None)
    weight = graph.constant("_fc.weight", classifier)
    bias = graph.constant("_fc.bias", network.take("_fc.bias", len(classifier)))
    return graph.add("Gemm", x, weight, bias, name="logits", transB=1)
