"""Running one version of a model folder on this machine, without a server."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import openvino as ov
from edge_common.errors import RejectedError
from edge_common.model_card import FILE_NAME as CARD_FILE
from edge_common.model_card import Activation, ModelCard, Resize, parse_card, read_labels

from car_models.preprocess import Picture, input_tensor

MODEL_FILES = ("model.xml", "model.onnx")


@dataclass(frozen=True)
class Prediction:
    """One class and its probability."""

    label: str
    probability: float


class Classifier:
    """A model version, loaded with the facts of its card.

    Inference runs in FP32, also on processors where OpenVINO would choose bf16: a reference has to be exact.
    """

    def __init__(self, version_folder: Path) -> None:
        """Load `<model>/<version>`; raises RejectedError when card, labels or model are unusable."""
        self.model = version_folder.resolve().parent.name
        self.card = _read_card(version_folder)
        self.labels = _read_labels(self.card, version_folder)
        self._compiled = _compile(version_folder)
        classes = int(self._compiled.output(0).shape[-1])
        if classes != len(self.labels):
            raise RejectedError(
                f"the card of {version_folder} has {len(self.labels)} labels, but the model has "
                f"{classes} classes; list one label for each class, in the model's order"
            )
        shape = [int(n) for n in self._compiled.input(0).shape]
        self._size = (shape[1], shape[2]) if self.card.input.layout == "NHWC" else (shape[2], shape[3])
        self._dtype = self._compiled.input(0).element_type.to_dtype()

    def classify(self, picture: Picture, resize: Resize | None = None) -> list[Prediction]:
        """All classes, most likely first; `resize` replaces the card's."""
        image = self.card.input.model_copy(update={"resize": resize}) if resize else self.card.input
        scores = self._compiled(input_tensor(picture, image, self._size, self._dtype))[0][0].astype(
            np.float64
        )
        if self.card.output.activation is Activation.SOFTMAX:
            scores = np.exp(scores - scores.max())
            scores /= scores.sum()
        order = np.argsort(scores, kind="stable")[::-1]
        return [Prediction(self.labels[index], float(scores[index])) for index in order]


def read_picture(path: Path) -> Picture:
    """The decoded picture, H x W x 3 BGR; raises RejectedError when it is missing or no picture."""
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise RejectedError(f"{path} is not a picture that can be read; give a JPEG or PNG file")
    return np.asarray(picture, np.uint8)


def _read_card(folder: Path) -> ModelCard:
    for path in (folder / CARD_FILE, folder.parent / CARD_FILE):
        if path.is_file():
            return parse_card(path.read_bytes(), str(path))
    raise RejectedError(
        f"{folder} has no {CARD_FILE}, nor has the folder above; write one that says what it takes"
    )


def _read_labels(card: ModelCard, folder: Path) -> list[str]:
    labels = card.output.labels
    if labels is None:
        raise RejectedError(f"the card of {folder} names no labels; add output.labels")
    if not isinstance(labels, str):
        return list(labels)
    for path in (folder / labels, folder.parent / labels):
        if path.is_file():
            return list(read_labels(path.read_bytes()))
    raise RejectedError(f"{labels}, named by the card of {folder}, is missing; put it beside the card")


def _compile(folder: Path) -> ov.CompiledModel:
    for name in MODEL_FILES:
        if (folder / name).is_file():
            try:
                return ov.Core().compile_model(folder / name, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
            except RuntimeError as error:
                reason = str(error).strip().splitlines()[-1][:200]
                raise RejectedError(f"{folder / name} cannot be loaded: {reason}; build it again") from error
    raise RejectedError(f"{folder} holds none of {', '.join(MODEL_FILES)}; give a folder <model>/<version>")
