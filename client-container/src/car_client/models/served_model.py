"""The server's models as the client uses them: what to feed, how to prepare pictures and read answers."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from edge_common.classifiers import TensorSpec
from edge_common.model_card import Activation
from edge_common.pictures.steps import Preprocessing
from edge_common.served_state import ServedModels

from car_client.errors import UnknownModelError, UnusableModelError
from car_client.kserve.inference import DYNAMIC


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


@dataclass(frozen=True, slots=True)
class ModelTable:
    """States of all versions, the models that can be used, and for the others the reason why not."""

    states: ServedModels = field(default_factory=dict)
    usable: Mapping[str, ServedModel] = field(default_factory=dict)
    unusable: Mapping[str, str] = field(default_factory=dict)

    def choose(self, names: Sequence[str]) -> list[ServedModel]:
        """The models with these `names`, or all that can be used when no name is given.

        Raises UnusableModelError, with the reason, and UnknownModelError, with the names that there are.
        """
        for name in names:
            if name in self.unusable:
                raise UnusableModelError(self.unusable[name])
            if name not in self.usable:
                raise UnknownModelError(name, [*self.usable, *self.unusable])
        return [model for name, model in self.usable.items() if not names or name in names]

    def choose_some(self, names: Sequence[str]) -> list[ServedModel]:
        """As `choose`, but UnusableModelError also when there is none at all."""
        chosen = self.choose(names)
        if not chosen:
            raise UnusableModelError(
                f"the server has no model to classify with: {self.why_unusable or 'none is available'}"
            )
        return chosen

    @property
    def why_unusable(self) -> str:
        """The reasons of all models that cannot be used, in one line; empty when there is none."""
        return "; ".join(self.unusable.values())
