"""From all that is said about a model to its card: flags first, then card, preset, and the file itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from car_client.models.facts import Facts
from car_client.models.model_info import facts_of_model_info
from edge_common.errors import RejectedError
from edge_common.model_card import (
    Activation,
    ClassOutput,
    ImageInput,
    Limits,
    ModelCard,
    Resize,
    Sample,
)
from edge_common.pictures.steps import NO_MEAN, NO_SCALE

from car_models.importing.network_shape import Ends
from car_models.importing.presets import PRESETS, Preset
from car_models.importing.wishes import Wishes, check_units

LABELS_FILE = "labels.txt"
_FLAGS = "--mean 123.675,116.28,103.53 --scale 58.395,57.12,57.375 --color RGB"


@dataclass(frozen=True)
class Knowledge:
    """The card, with labels named as a file, and the labels themselves; notes are for the person."""

    card: ModelCard
    labels: tuple[str, ...]
    notes: tuple[str, ...]


def known(wishes: Wishes, ends: Ends, model_info: Mapping[str, str]) -> Knowledge:
    """What is known of the model; raises RejectedError that says what to pass when that is not enough."""
    said_inside = facts_of_model_info(model_info, whole_numbers=ends.whole_numbers)
    labels = _labels(wishes, ends, said_inside)
    image, notes = _image(wishes, ends, said_inside)
    base = wishes.card or _base(said_inside)
    limit = base.limits.min_probability if wishes.min_probability is None else wishes.min_probability
    card = ModelCard(
        schema=1,
        description=base.description if wishes.description is None else wishes.description,
        input=image,
        output=ClassOutput(
            name=ends.scores,
            activation=wishes.activation or _activation(base, ends),
            labels=LABELS_FILE,
            top_k=base.output.top_k,
        ),
        serving=base.serving,
        limits=Limits(min_probability=limit),
        sample=_sample(wishes, labels),
    )
    return Knowledge(card, labels, notes)


def _base(inside: Facts | None) -> ModelCard:
    if inside is None:
        return ModelCard(schema=1)
    limits = Limits(min_probability=inside.min_probability)
    return ModelCard(schema=1, output=ClassOutput(top_k=inside.top_k), limits=limits)


def _labels(wishes: Wishes, ends: Ends, said_inside: Facts | None) -> tuple[str, ...]:
    labels = wishes.labels or (said_inside.labels if said_inside is not None else None)
    if labels is None:
        raise RejectedError(
            f"nothing says what the model's {ends.classes} classes are called; "
            "pass --labels FILE with one label a line, in the model's order"
        )
    if len(labels) != ends.classes:
        raise RejectedError(
            f"there are {len(labels)} labels, but the model gives {ends.classes} values; "
            "give one label for each class, in the model's order"
        )
    return labels


def _image(wishes: Wishes, ends: Ends, inside: Facts | None) -> tuple[ImageInput, tuple[str, ...]]:
    sources = [
        _stated(wishes),
        _stated(wishes.card.input if wishes.card is not None and _speaks_of_input(wishes.card) else None),
        _stated(wishes.preset),
        _stated(inside) | ({"resize": _resize_inside(inside)} if inside is not None else {}),
    ]
    fields: dict[str, Any] = {
        field: next((source[field] for source in sources if source.get(field) is not None), None)
        for field in ("color", "mean", "scale", "resize")
    }
    notes = []
    if ends.whole_numbers:  # such a tensor holds plain pixels; whatever else there is happens inside
        fields |= {"mean": NO_MEAN, "scale": NO_SCALE}
    missing = [f"--{field}" for field in ("mean", "scale", "color") if fields[field] is None]
    if missing:
        raise RejectedError(
            f"nothing says how a picture becomes this model's input ({', '.join(missing)}); pass --preset "
            f"({', '.join(PRESETS)}), a card with --card, or the numbers of its training, such as {_FLAGS}"
        )
    if fields["resize"] is None:
        fields["resize"] = Resize()
        notes.append(
            "nothing says how pictures are brought to size: stretched; --resize crop:0.875 is usual too"
        )
    check_units(fields["mean"], fields["scale"])
    image = ImageInput(name=ends.image, size=ends.size, layout=ends.layout, **fields)
    return image, tuple(notes)


def _speaks_of_input(card: ModelCard) -> bool:
    """Whether it says anything of it; then what it leaves out has the card's defaults."""
    return "input" in card.model_fields_set


def _stated(source: Wishes | ImageInput | Preset | Facts | None) -> dict[str, Any]:
    return {field: getattr(source, field, None) for field in ("color", "mean", "scale", "resize")}


def _resize_inside(inside: Facts) -> Resize:
    how = inside.resizing
    return Resize(
        mode=how.mode, fraction=how.fraction, interpolation=how.interpolation, pad_value=how.pad_value
    )


def _activation(base: ModelCard, ends: Ends) -> Activation:
    if "activation" in base.output.model_fields_set:
        return base.output.activation
    return Activation.NONE if ends.probabilities else Activation.SOFTMAX


def _sample(wishes: Wishes, labels: tuple[str, ...]) -> Sample | None:
    if wishes.sample is None:
        return None
    if wishes.sample_label is not None and wishes.sample_label not in labels:
        raise RejectedError(f"--sample-label {wishes.sample_label!r} is not among the labels; correct either")
    return Sample(picture=f"sample{wishes.sample.suffix.lower()}", label=wishes.sample_label)
