"""The card's sample picture, and what is wrong with the model's answer to it. Runs in the child."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from edge_common.model_card import ModelCard, Sample
from edge_common.pictures.decode import decode_picture
from numpy.typing import NDArray

from model_sync.preflight.card_pictures import LIMITS, CardPictures, not_finite

_LABELS_TOLD = 3


@dataclass(frozen=True)
class SampleCheck:
    """A decoded picture and the card it belongs to."""

    sample: Sample
    card: ModelCard
    labels: Sequence[str] | None
    pixels: NDArray[np.uint8]

    @classmethod
    def read(cls, request: Mapping[str, Any]) -> Self | None:
        """Decode the picture that the request names; raises RejectedError when it is none."""
        asked = CardPictures.of_request(request)
        if asked.card.sample is None:
            return None
        content = Path(request["picture"]).read_bytes()
        picture = decode_picture(f"the sample picture {asked.card.sample.picture}", content, LIMITS)
        return cls(asked.card.sample, asked.card, asked.labels, picture.pixels)

    def tensor(self, name: str, shape: Sequence[int], dtype: np.dtype[Any]) -> NDArray[Any] | None:
        """The picture for the input `name`; see `CardPictures.tensor`."""
        return CardPictures(self.card, self.labels).tensor(self.pixels, name, shape, dtype)

    def rejection(self, outputs: Mapping[str, NDArray[Any]]) -> str | None:
        """The sentence when the answer to the picture is not what the card promises; None when it is."""
        named = self.sample.picture
        infinite = not_finite(outputs, f"sample picture {named}")
        if infinite is not None or self.sample.label is None:
            return infinite
        asked = CardPictures(self.card, self.labels)
        scores = asked.scores(outputs)
        if scores is None or self.labels is None:
            return "the card's sample has a label, but no output to find it in; correct output.name"
        try:
            said = asked.ranking(scores)[:_LABELS_TOLD]
        except ValueError:
            return None  # shape and number of labels are judged for every model
        if said[0] == self.sample.label:
            return None
        return (
            f"it takes the sample picture {named} for {said[0]!r} (then {', '.join(map(repr, said[1:]))}), "
            f"not for {self.sample.label!r}; correct the card's input and labels, or the model"
        )
