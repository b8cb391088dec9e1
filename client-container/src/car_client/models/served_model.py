"""A model as the client uses it: what to feed, how to prepare a picture for it, how to read its answer."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from edge_common.model_card import Activation
from edge_common.pictures.steps import Preprocessing

from car_client.kserve.inference import DYNAMIC, TensorSpec


class FactSource(StrEnum):
    """Where the facts about a model come from, most trusted first."""

    CARD = "card"
    RT_INFO = "rt_info"
    SHAPES = "shapes"


@dataclass(frozen=True, slots=True)
class ServedModel:
    """One model at the version that answers; immutable, so that a request keeps to one description.

    `activation` None means that the source does not say; then all answers of the version decide together.
    `decodes_files` tells whether the server is one that takes pictures as files; `digest` is that of the
    version's files, where the sidecar tells it.
    """

    name: str
    version: int
    input: TensorSpec
    output: TensorSpec
    preprocessing: Preprocessing
    source: FactSource
    labels: tuple[str, ...] | None = None
    activation: Activation | None = None
    top_k: int = 5
    min_probability: float = 0.0
    decodes_files: bool = True
    description: str = ""
    warnings: tuple[str, ...] = ()
    digest: str | None = None

    @property
    def batch(self) -> int | None:
        """Pictures in one request; None when the model takes any number."""
        return None if self.input.shape[0] == DYNAMIC else self.input.shape[0]

    @property
    def label_set(self) -> str | None:
        """The same text for models that know the same classes, in whatever order; None without labels."""
        return _label_set(self.labels) if self.labels is not None else None

    def label(self, index: int) -> str:
        """The name of class `index`; `class 7` when there is no label for it."""
        if self.labels is not None and index < len(self.labels):
            return self.labels[index]
        return f"class {index}"


@lru_cache(maxsize=64)  # asked with every answer
def _label_set(labels: tuple[str, ...]) -> str:
    known = "\n".join(sorted(set(labels)))
    return hashlib.blake2b(known.encode(), digest_size=8).hexdigest()
