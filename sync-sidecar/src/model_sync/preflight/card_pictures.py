"""Pictures as a model's input, and its answers as labels, by the model's card. Runs in the child.

Pictures are data of strangers like the model: nothing of them is decoded outside this process.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from edge_common.card_file import FILE_NAME, card_from_mapping
from edge_common.classifiers import labels_rejection
from edge_common.errors import RejectedError
from edge_common.model_card import Layout, ModelCard, Sample
from edge_common.pictures.decode import PictureLimits, decode_picture
from edge_common.pictures.preprocess import preprocess
from edge_common.pictures.steps import Preprocessing
from edge_common.probabilities import class_probabilities, score_rows
from numpy.typing import NDArray

LIMITS: Final = PictureLimits(max_bytes=16 * 1024 * 1024, max_pixels=50_000_000)
_IMAGE_RANK, _CHANNELS = 4, 3
_LABELS_TOLD = 3


@dataclass(frozen=True)
class CardPictures:
    """A card and the labels it names, None when it names none."""

    card: ModelCard
    labels: Sequence[str] | None

    @classmethod
    def of_request(cls, request: Mapping[str, Any]) -> Self:
        """As the parent sends them; raises RejectedError when the card cannot be read."""
        return cls(card_from_mapping(request["card"], FILE_NAME), request["labels"])

    def tensor(
        self, pixels: NDArray[np.uint8], name: str, shape: Sequence[int], dtype: np.dtype[Any]
    ) -> NDArray[Any] | None:
        """The picture for the input `name`, with its batch; None when the card means another input.

        `shape` has -1 for a free dimension. Raises RejectedError when no picture fits the input.
        """
        wanted = self.card.input
        if wanted.name is not None and wanted.name != name:
            return None
        if len(shape) != _IMAGE_RANK:
            raise RejectedError(
                f"a picture is to be tried, but the input {name} has {len(shape)} dimensions, not 4; "
                "remove the picture, or name its input in input.name"
            )
        channels_first = wanted.layout is Layout.NCHW
        channels, served = (shape[1], shape[2:4]) if channels_first else (shape[3], shape[1:3])
        height, width = wanted.size or served
        if (
            channels not in {-1, _CHANNELS}
            or min(height, width) < 1
            or any(free >= 0 and free != size for free, size in zip(served, (height, width), strict=True))
        ):
            raise RejectedError(
                f"the card's input.size and input.layout do not fit the input {name} {list(shape)}; "
                "correct them"
            )
        steps = Preprocessing.of_card(wanted, (height, width), dtype)
        return np.repeat(preprocess(pixels, steps)[None], max(1, shape[0]), axis=0)

    def scores(self, outputs: Mapping[str, NDArray[Any]]) -> NDArray[Any] | None:
        """The output with the scores: the one that the card names, else the first; None without it."""
        return outputs.get(self.card.output.name or next(iter(outputs)))

    def ranking(self, scores: NDArray[Any]) -> list[str]:
        """All labels for the first picture of the batch, most likely first.

        Raises RejectedError when there are no labels, or not as many as scores, and ValueError when these are
        no row for each picture.
        """
        labels = self.labels or ()
        (chances,) = class_probabilities(score_rows(scores)[:1], self.card.output.activation, len(labels))
        if len(chances) != len(labels):
            raise RejectedError(labels_rejection(len(labels), len(chances)) or "the card names no labels")
        return [labels[index] for index in np.argsort(chances, kind="stable")[::-1]]


def not_finite(outputs: Mapping[str, NDArray[Any]], picture: str) -> str | None:
    """The sentence when an answer to `picture` has values that are no numbers; None when it has none."""
    for name, values in outputs.items():
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            return (
                f"its output {name} for the {picture} has values that are no numbers "
                "(NaN or infinite); export the model again, or correct mean and scale in the card"
            )
    return None


@dataclass(frozen=True)
class SampleCheck:
    """The card's decoded sample picture, and what is wrong with the model's answer to it."""

    sample: Sample
    asked: CardPictures
    pixels: NDArray[np.uint8]

    @classmethod
    def read(cls, request: Mapping[str, Any]) -> Self | None:
        """Decode the picture that the request names; raises RejectedError when it is none."""
        asked = CardPictures.of_request(request)
        if asked.card.sample is None:
            return None
        content = Path(request["picture"]).read_bytes()
        picture = decode_picture(f"the sample picture {asked.card.sample.picture}", content, LIMITS)
        return cls(asked.card.sample, asked, picture.pixels)

    def tensor(self, name: str, shape: Sequence[int], dtype: np.dtype[Any]) -> NDArray[Any] | None:
        """The picture for the input `name`; see `CardPictures.tensor`."""
        return self.asked.tensor(self.pixels, name, shape, dtype)

    def rejection(self, outputs: Mapping[str, NDArray[Any]]) -> str | None:
        """The sentence when the answer to the picture is not what the card promises; None when it is."""
        named = self.sample.picture
        infinite = not_finite(outputs, f"sample picture {named}")
        if infinite is not None or self.sample.label is None:
            return infinite
        scores = self.asked.scores(outputs)
        if scores is None or self.asked.labels is None:
            return "the card's sample has a label, but no output to find it in; correct output.name"
        try:
            said = self.asked.ranking(scores)[:_LABELS_TOLD]
        except ValueError:
            return None  # shape and number of labels are judged for every model
        if said[0] == self.sample.label:
            return None
        return (
            f"it takes the sample picture {named} for {said[0]!r} (then {', '.join(map(repr, said[1:]))}), "
            f"not for {self.sample.label!r}; correct the card's input and labels, or the model"
        )
