"""Small image classifiers to import: scores are what a picture's channels sum to."""

from pathlib import Path

import numpy as np
import onnx
from car_models.importing.checkpoints.onnx_graph import GraphBuilder, onnx_bytes
from edge_common.openvino_runtime import ops, ov

LABELS = ("red", "green", "blue")


def colour_network(
    size: tuple[int | str, int | str] = (8, 8), *, batch: int | str = 1, softmax: bool = False
) -> onnx.ModelProto:
    """ONNX: takes [batch,3,*size] RGB, gives the mean of each channel; strings leave a dimension open."""
    graph = GraphBuilder()
    scores = graph.add("Flatten", graph.add("GlobalAveragePool", "pixels", name="pool"), name="means", axis=1)
    if softmax:
        scores = graph.add("Softmax", scores, name="probabilities", axis=1)
    shape: list[int | str] = [batch, 3, *size]
    return graph.model(
        "colours", image="pixels", image_shape=shape, output=scores, output_shape=[batch, len(LABELS)]
    )


def write_onnx(path: Path, model: onnx.ModelProto) -> Path:
    path.write_bytes(onnx_bytes(model))
    return path


def write_ir(path: Path, *, info: dict[str, str] | None = None, whole_numbers: bool = False) -> Path:
    """An IR that takes [1,8,8,3] and gives the mean of each channel, first channel first."""
    image = ops.parameter([1, 8, 8, 3], np.uint8 if whole_numbers else np.float32)
    image.set_friendly_name("picture")
    image.output(0).set_names({"picture"})
    means = ops.reduce_mean(ops.convert(image, "f32"), np.array([1, 2]), False)
    means.output(0).set_names({"means"})
    network = ov.Model([means], [image])
    for key, value in (info or {}).items():
        network.set_rt_info(value, ["model_info", key])
    ov.save_model(network, path, compress_to_fp16=False)
    return path
