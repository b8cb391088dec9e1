"""The published network once more, in another way: OpenVINO operations, batch normalisation not folded.

Written from the paper's table of stages. It shares no code with the ONNX builder: an error in either shows.
"""

from collections.abc import Callable

import numpy as np
from car_models.importing.checkpoints.state_dict import Tensors
from edge_common.openvino_runtime import ops, ov
from numpy.typing import NDArray

# kernel, stride and channels of every block
LITE0_BLOCKS = [
    *[(3, 1, 16)],
    *[(3, 2, 24), (3, 1, 24)],
    *[(5, 2, 40), (5, 1, 40)],
    *[(3, 2, 80), (3, 1, 80), (3, 1, 80)],
    *[(5, 1, 112), (5, 1, 112), (5, 1, 112)],
    *[(5, 2, 192), (5, 1, 192), (5, 1, 192), (5, 1, 192)],
    *[(3, 1, 320)],
]
LITE2_BLOCKS = [
    *[(3, 1, 16)],
    *[(3, 2, 24), (3, 1, 24), (3, 1, 24)],
    *[(5, 2, 48), (5, 1, 48), (5, 1, 48)],
    *[(3, 2, 88), (3, 1, 88), (3, 1, 88), (3, 1, 88)],
    *[(5, 1, 120), (5, 1, 120), (5, 1, 120), (5, 1, 120)],
    *[(5, 2, 208), (5, 1, 208), (5, 1, 208), (5, 1, 208), (5, 1, 208)],
    *[(3, 1, 352)],
]


def imagenet_probabilities(
    tensors: Tensors, blocks: list[tuple[int, int, int]], size: int
) -> Callable[[NDArray[np.float32], float], NDArray[np.float64]]:
    """A function from an input [1,3,size,size] and a softmax temperature to the 1000 probabilities."""
    image = ops.parameter([1, 3, size, size], np.float32)

    def convolve(x: ov.Output, weight: str, norm: str, stride: int = 1) -> ov.Output:
        kernel = tensors[f"{weight}.weight"]
        depthwise = kernel.shape[1] == 1 and kernel.shape[2] > 1
        common = ([stride, stride], [0, 0], [0, 0], [1, 1], "same_upper")
        if depthwise:
            y = ops.group_convolution(x, ops.constant(kernel[:, None]), *common)
        else:
            y = ops.convolution(x, ops.constant(kernel), *common)
        gamma, beta, mean, variance = (
            ops.constant(tensors[f"{norm}.{part}"])
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        return ops.batch_norm_inference(y, gamma, beta, mean, variance, 1e-3)

    x = ops.clamp(convolve(image, "_conv_stem", "_bn0", stride=2), 0.0, 6.0)
    channels = 32
    for index, (kernel, stride, channels_out) in enumerate(blocks):
        at = f"_blocks.{index}"
        assert tensors[f"{at}._depthwise_conv.weight"].shape[2] == kernel
        y = x
        if index > 0:
            y = ops.clamp(convolve(y, f"{at}._expand_conv", f"{at}._bn0"), 0.0, 6.0)
        y = ops.clamp(convolve(y, f"{at}._depthwise_conv", f"{at}._bn1", stride), 0.0, 6.0)
        y = convolve(y, f"{at}._project_conv", f"{at}._bn2")
        x = ops.add(y, x) if stride == 1 and channels == channels_out else y
        channels = channels_out
    x = ops.clamp(convolve(x, "_conv_head", "_bn1"), 0.0, 6.0)
    pooled = ops.reduce_mean(x, np.array([2, 3]), False)
    logits = ops.add(
        ops.matmul(pooled, ops.constant(tensors["_fc.weight"]), False, True),
        ops.constant(tensors["_fc.bias"]),
    )
    network = ov.Core().compile_model(ov.Model([logits], [image]), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run(tensor: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
        scores = network(tensor)[0][0].astype(np.float64) / temperature
        exponentials = np.exp(scores - scores.max())
        return np.asarray(exponentials / exponentials.sum())

    return run
