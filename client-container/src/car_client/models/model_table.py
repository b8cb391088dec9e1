"""All models of the server at one moment, and what changed from one moment to the next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from edge_common.served_state import ServedModels

from car_client.errors import UnknownModelError, UnusableModelError
from car_client.models.served_model import ServedModel

EventName = Literal[
    "model_added", "model_version_changed", "model_description_changed", "model_removed", "model_rejected"
]


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


@dataclass(frozen=True, slots=True)
class ModelChange:
    """One line of log: an event about one model, with its details."""

    event: EventName
    model: str
    details: Mapping[str, object]

    @property
    def needs_attention(self) -> bool:
        """Whether a person should look at it."""
        return self.event == "model_rejected"


def changes(before: ModelTable, after: ModelTable) -> list[ModelChange]:
    """What is different in `after`, by model name."""
    names = before.usable.keys() | before.unusable.keys() | after.usable.keys() | after.unusable.keys()
    found = (_change(name, before, after) for name in sorted(names))
    return [change for change in found if change is not None]


def _change(name: str, before: ModelTable, after: ModelTable) -> ModelChange | None:
    old, new = before.usable.get(name), after.usable.get(name)
    if new is None:
        if name in after.unusable:
            if after.unusable[name] == before.unusable.get(name):
                return None
            return ModelChange("model_rejected", name, {"reason": after.unusable[name]})
        return ModelChange("model_removed", name, {"version": old.version} if old else {})
    if old is None:
        return ModelChange("model_added", name, {"version": new.version, **_description(new)})
    if old.version != new.version:
        details = {"version": new.version, "previous_version": old.version, **_description(new)}
        return ModelChange("model_version_changed", name, details)
    if old != new:
        return ModelChange("model_description_changed", name, {"version": new.version, **_description(new)})
    return None


def _description(model: ServedModel) -> dict[str, object]:
    details: dict[str, object] = {"input": str(model.input), "preprocessing": str(model.source)}
    return details | ({"warnings": list(model.warnings)} if model.warnings else {})
