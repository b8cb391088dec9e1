"""Classifying a collection of pictures with local models, and counting what came out right."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_common.errors import RejectedError
from edge_common.model_card import Resize

from car_models.classifier import Classifier, Prediction, read_picture
from car_models.pictures.collection import Entry, read_collection


@dataclass(frozen=True)
class Evaluation:
    """What one model makes of a collection; `top` holds the most likely class per picture, in order."""

    model: str
    top: tuple[Prediction, ...]
    right: int


def evaluate(
    models: Sequence[Classifier], folder: Path, resize: Resize | None = None
) -> tuple[Sequence[Entry], Sequence[Evaluation]]:
    """Run each of `models` on the pictures in `folder`; `resize` replaces that of the cards.

    Raises RejectedError when the folder has no list of pictures, or a listed one cannot be read.
    """
    entries = read_collection(folder)
    pictures = [read_picture(folder / entry.file) for entry in entries]
    evaluations = []
    for model in models:
        top = tuple(model.classify(picture, resize)[0] for picture in pictures)
        hits = (best.label == entry.expected for best, entry in zip(top, entries, strict=True))
        evaluations.append(Evaluation(model.model, top, sum(hits)))
    return entries, evaluations


def version_folder(path: Path) -> Path:
    """`path` when it is a version folder, else the highest version in the model folder `path`."""
    if path.name.isdecimal():
        return path
    versions = [child for child in path.glob("*") if child.name.isdecimal() and child.is_dir()]
    if not versions:
        raise RejectedError(f"{path} is no model folder: it holds no numbered version, such as {path / '1'}")
    return max(versions, key=lambda child: int(child.name))
