"""Real OpenVINO models of a few kilobytes that tell colours apart, and how they lie in a repository."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from edge_common.openvino_runtime import ops, ov

MODEL_INFO = {
    "model_type": "Classification",
    "labels": "blue green red",
    "reverse_input_channels": "NO",
    "resize_type": "standard",
    "layout": "NHWC",
}


def whole_number_model(
    *, size: int = 16, channels: int = 3, info: Mapping[str, str] = MODEL_INFO
) -> ov.Model:
    """u8 NHWC pixels in, the share of each channel out, and rt_info that says BGR."""
    image = ops.parameter([1, size, size, channels], np.uint8, name="image")
    means = ops.reduce_mean(ops.convert(image, "f32"), np.array([1, 2]), keep_dims=False)
    total = ops.add(ops.reduce_sum(means, np.array([1]), keep_dims=True), np.float32(1e-6))
    model = _finished(ops.divide(means, total), image, "NHWC")
    for key, value in info.items():
        model.set_rt_info(value, ["model_info", key])
    return model


def float_model(*, batch: int = -1, size: int = 12) -> ov.Model:
    """Normalised NCHW pixels in, scores out that still need a softmax; nothing says what it takes."""
    image = ops.parameter(ov.PartialShape([batch, 3, size, size]), np.float32, name="image")
    means = ops.reduce_mean(image, np.array([2, 3]), keep_dims=False)
    return _finished(ops.multiply(means, np.float32(4)), image, "NCHW")


FLOAT_CARD = {
    "schema": 1,
    "input": {"color": "RGB", "mean": [127, 127, 127], "scale": [128, 128, 128], "resize": {"mode": "crop"}},
    "output": {"activation": "softmax", "labels": ["red", "green", "blue"]},
}


def _finished(scores: ov.Output | ov.Node, image: ov.Node, layout: str) -> ov.Model:
    image.set_layout(ov.Layout(layout))
    image.output(0).set_names({"image"})
    result = ops.result(scores)
    model = ov.Model([result], [image], "tiny")
    model.outputs[0].set_names({"scores"})
    return model


def put_version(repository: Path, model: str, version: int, content: ov.Model) -> None:
    """Save as `<repository>/<model>/<version>/model.xml` and `.bin`."""
    folder = repository / model / str(version)
    folder.mkdir(parents=True)
    ov.save_model(content, folder / "model.xml")


def write_config(repository: Path, served: Mapping[str, Sequence[int]]) -> Path:
    """Replace `<repository>/config.json` by one that serves these versions."""
    entries = [
        {
            "config": {
                "name": name,
                "base_path": str(repository / name),
                "model_version_policy": {"specific": {"versions": list(versions)}},
            }
        }
        for name, versions in served.items()
    ]
    path = repository / "config.json"
    aside = repository / ".config.json.new"
    aside.write_text(json.dumps({"model_config_list": entries}))
    aside.rename(path)
    return path
