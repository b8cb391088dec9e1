"""EfficientNet-Lite as an ONNX graph, written node by node from the weights.

Architecture: Google's EfficientNet-Lite (tensorflow/tpu, `efficientnet/lite`), which is EfficientNet without
squeeze-and-excite, with ReLU6, and with stem, head, first and last stage not scaled. The weights were trained
in TensorFlow, hence SAME_UPPER padding and a batch-norm epsilon of 1e-3.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np
from edge_common.errors import RejectedError
from numpy.typing import NDArray

from car_models.onnx_graph import GraphBuilder
from car_models.torch_checkpoint import Tensors

MEAN = 127.0
SCALE = 128.0
"""The network takes RGB pixels as `(x - MEAN) / SCALE` with x in 0...255."""
CLASSES = 1000
_BATCH_NORM_EPSILON = 1e-3
_STAGES = ((1, 3, 1), (2, 3, 2), (2, 5, 2), (3, 3, 2), (3, 5, 1), (4, 5, 2), (1, 3, 1))
"""Repeats at depth 1.0, kernel, and stride of the first block, per stage."""


@dataclass(frozen=True)
class Architecture:
    """A member of the family; channel counts follow from the shapes of its weights."""

    depth: float
    """Multiplies the repeats of all stages but the first and the last."""
    size: int
    """Height and width of the input, in pixels."""

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Kernel and stride of every block, in order."""
        for index, (repeats, kernel, stride) in enumerate(_STAGES):
            scaled = repeats if index in (0, len(_STAGES) - 1) else ceil(repeats * self.depth)
            yield kernel, stride
            yield from [(kernel, 1)] * (scaled - 1)


LITE0 = Architecture(depth=1.0, size=224)
LITE2 = Architecture(depth=1.2, size=260)


@dataclass(frozen=True)
class _Network:
    graph: GraphBuilder
    tensors: Tensors

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
        gain = gamma / np.sqrt(variance + np.float32(_BATCH_NORM_EPSILON))
        return self.graph.add(
            "Conv",
            x,
            self.graph.constant(f"{prefix}.weight", weight * gain[:, None, None, None]),
            self.graph.constant(f"{prefix}.bias", beta - mean * gain),
            name=prefix,
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            group=len(weight) if depthwise else 1,
            auto_pad="SAME_UPPER",
        )

    def relu6(self, x: str) -> str:
        """Clip to 0...6."""
        low = self.graph.constant("zero", np.float32(0))
        return self.graph.add("Clip", x, low, self.graph.constant("six", np.float32(6)), name=f"{x}.relu6")

    def block(self, x: str, index: int, kernel: int, stride: int) -> str:
        """Inverted residual: expand (not in block 0), depthwise, project; a shortcut where shapes allow."""
        at = f"_blocks.{index}"
        y = x
        if index > 0:
            y = self.relu6(self.convolve(y, f"{at}._expand_conv", f"{at}._bn0"))
        y = self.convolve(
            y, f"{at}._depthwise_conv", f"{at}._bn1", kernel=kernel, stride=stride, depthwise=True
        )
        y = self.convolve(self.relu6(y), f"{at}._project_conv", f"{at}._bn2")
        first = self.take(f"{at}.{'_expand_conv' if index > 0 else '_depthwise_conv'}.weight", *[None] * 4)
        channels_in = first.shape[1] if index > 0 else first.shape[0]
        channels_out = len(self.take(f"{at}._project_conv.weight", *[None] * 4))
        return (
            self.graph.add("Add", y, x, name=f"{at}.add")
            if stride == 1 and channels_in == channels_out
            else y
        )


def add_logits(graph: GraphBuilder, image: str, architecture: Architecture, tensors: Tensors) -> str:
    """Add the network from `image` [N,3,size,size] to the 1000 ImageNet logits [N,1000]; returns their name.

    Raises RejectedError when `tensors` are not this architecture's weights.
    """
    network = _Network(graph, tensors)
    blocks = list(architecture.blocks())
    if f"_blocks.{len(blocks)}._project_conv.weight" in tensors:
        raise RejectedError(
            f"the weights have more than {len(blocks)} blocks; they belong to a deeper network"
        )
    x = network.relu6(network.convolve(image, "_conv_stem", "_bn0", kernel=3, stride=2))
    for index, (kernel, stride) in enumerate(blocks):
        x = network.block(x, index, kernel, stride)
    x = network.relu6(network.convolve(x, "_conv_head", "_bn1"))
    x = graph.add("Flatten", graph.add("GlobalAveragePool", x, name="pool"), name="features", axis=1)
    weight = graph.constant("_fc.weight", network.take("_fc.weight", CLASSES, None))
    bias = graph.constant("_fc.bias", network.take("_fc.bias", CLASSES))
    return graph.add("Gemm", x, weight, bias, name="logits", transB=1)
