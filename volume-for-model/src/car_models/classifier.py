"""Running one version of a model folder on this machine, without a server."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from edge_common.errors import RejectedError
from edge_common.model_card import FILE_NAME as CARD_FILE
from edge_common.model_card import Activation, Layout, Resize
from edge_common.openvino_runtime import ov
from edge_common.pictures.preprocess import preprocess
from edge_common.pictures.steps import Preprocessing
from model_sync.bucket.model_files import model_file
from model_sync.cards.effective_card import EffectiveCard, label_problem, read_card

from car_models.pictures.canvas import Picture


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
        effective = _read_card(version_folder)
        if effective.labels is None:
            raise RejectedError(f"the card of {version_folder} names no labels; add output.labels")
        self.card, self.labels = effective.card, effective.labels
        self._compiled = _compile(version_folder)
        problem = label_problem(effective, int(self._compiled.output(0).shape[-1]))
        if problem is not None:
            raise RejectedError(f"{version_folder}: {problem}")
        shape = [int(n) for n in self._compiled.input(0).shape]
        self._size = (shape[1], shape[2]) if self.card.input.layout is Layout.NHWC else (shape[2], shape[3])
        self._dtype = self._compiled.input(0).element_type.to_dtype()

    def classify(self, picture: Picture, resize: Resize | None = None) -> list[Prediction]:
        """All classes, most likely first; `resize` replaces the card's."""
        image = self.card.input.model_copy(update={"resize": resize}) if resize else self.card.input
        steps = Preprocessing.of_card(image, self._size, self._dtype)
        scores = self._compiled(preprocess(picture[..., ::-1], steps)[None])[0][0].astype(np.float64)
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


def _read_card(folder: Path) -> EffectiveCard:
    """The version's own card or the one beside the versions, as the sidecar reads them."""

    def read_beside(name: str) -> bytes | None:
        paths = (folder / name, folder.parent / name)
        return next((path.read_bytes() for path in paths if path.is_file()), None)

    content = read_beside(CARD_FILE)
    if content is None:
        raise RejectedError(
            f"{folder} has no {CARD_FILE}, nor has the folder above; write one that says what it takes"
        )
    return read_card(content, f"{folder / CARD_FILE}", read_beside)


def _compile(folder: Path) -> ov.CompiledModel:
    name = model_file(path.name for path in folder.glob("*"))
    if name is None:
        raise RejectedError(f"{folder} holds no model; give a folder <model>/<version>")
    try:
        return ov.Core().compile_model(folder / name, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1][:200]
        raise RejectedError(f"{folder / name} cannot be loaded: {reason}; build it again") from error
