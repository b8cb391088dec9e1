"""How others classify a JPEG file over KServe: what the usual examples do, no slower than they do it."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import requests
import tritonclient.http
from numpy.typing import NDArray
from PIL import Image

_SIZE = 224


def _tensor(content: bytes) -> NDArray[np.float32]:
    """Decode, stretch, normalise, NCHW, as tritonclient's image_client.py does with Pillow and numpy."""
    picture = Image.open(io.BytesIO(content)).convert("RGB").resize((_SIZE, _SIZE), Image.Resampling.BILINEAR)
    values = (np.asarray(picture).astype(np.float32) - 127) / 128
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None])


def json_predict(url: str, model: str) -> Callable[[Path], None]:
    """`requests` and the TensorFlow-Serving route: the tensor as JSON numbers, a session kept open."""
    session = requests.Session()

    def classify(file: Path) -> None:
        body = {"instances": _tensor(file.read_bytes()).tolist()}
        answer = session.post(f"{url}/v1/models/{model}:predict", json=body, timeout=30)
        answer.raise_for_status()
        np.argmax(answer.json()["predictions"][0])

    return classify


def triton_image_client(url: str, model: str) -> Callable[[Path], None]:
    """The pattern of tritonclient's image_client.py over HTTP, with binary tensors."""
    client = tritonclient.http.InferenceServerClient(url.removeprefix("http://"))

    def classify(file: Path) -> None:
        tensor = _tensor(file.read_bytes())
        image = tritonclient.http.InferInput("image", list(tensor.shape), "FP32")
        image.set_data_from_numpy(tensor, binary_data=True)
        wanted = tritonclient.http.InferRequestedOutput("probabilities", binary_data=True)
        answer = client.infer(model, [image], outputs=[wanted])
        np.argmax(answer.as_numpy("probabilities"))

    return classify
