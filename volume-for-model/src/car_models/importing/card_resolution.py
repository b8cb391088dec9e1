"""One card from all that is said about a model: flags first, then a card, a preset, and the file itself."""

from dataclasses import dataclass
from typing import Any

from edge_common.classifiers import activation_rejection, labels_rejection
from edge_common.errors import RejectedError
from edge_common.model_card import ClassOutput, ImageInput, Limits, ModelCard, Resize, Sample
from edge_common.model_info import ModelInfo, read_model_info
from edge_common.pictures.steps import NO_MEAN, NO_SCALE

from car_models.importing.activation import FoundActivation, check_activation, found_activation
from car_models.importing.classifier_ports import ClassifierPorts
from car_models.importing.model_spec import ModelSpec, check_units
from car_models.importing.presets import PRESETS, Preset
from car_models.importing.sources import Source
from car_models.packaging.version_files import LABELS_FILE

_FLAGS = "--mean 123.675,116.28,103.53 --scale 58.395,57.12,57.375 --color RGB"


@dataclass(frozen=True)
class ResolvedCard:
    """The card, with labels named as a file, and the labels themselves; notes are for the person."""

    card: ModelCard
    labels: tuple[str, ...]
    notes: tuple[str, ...]


def resolve_card(spec: ModelSpec, ports: ClassifierPorts, source: Source) -> ResolvedCard:
    """The card that all sources make together; raises RejectedError that says what to pass if they do not."""
    inside = read_model_info(source.model_info, whole_numbers=ports.whole_numbers)
    labels, label_notes = _labels(spec, ports, source)
    image, image_notes = _image(spec, ports, source, inside)
    base = spec.card or _card_inside(inside)
    found = _activation(spec, base, ports)
    name, top_k = ports.scores.tensor.name, base.output.top_k
    limit = base.limits.min_probability if spec.min_probability is None else spec.min_probability
    card = ModelCard(
        schema=1,
        description=base.description if spec.description is None else spec.description,
        input=image,
        output=ClassOutput(name=name, activation=found.activation, labels=LABELS_FILE, top_k=top_k),
        serving=base.serving,
        limits=Limits(min_probability=limit),
        sample=_sample(spec, labels),
    )
    notes = [*label_notes, *image_notes, *filter(None, [found.note])]
    if "acceptance" in base.model_fields_set:
        notes.append(
            "the card's acceptance is left out, because the version has no pictures yet; give it some with "
            "car-models push --acceptance FOLDER, and write acceptance into its model.yaml again"
        )
    return ResolvedCard(card, labels, tuple(notes))


def _card_inside(inside: ModelInfo | None) -> ModelCard:
    if inside is None:
        return ModelCard(schema=1)
    limits = Limits(min_probability=inside.min_probability)
    return ModelCard(schema=1, output=ClassOutput(top_k=inside.top_k), limits=limits)


def _labels(
    spec: ModelSpec, ports: ClassifierPorts, source: Source
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The labels, and what the person should know of them."""
    classes = ports.scores.classes
    labels = spec.labels or source.labels
    if labels is None:
        called = "class is" if classes == 1 else "classes are"
        raise RejectedError(
            f"nothing says what the model's {classes} {called} called; "
            "pass --labels FILE with one label a line, in the model's order"
        )
    rejection = labels_rejection(len(labels), classes)
    if rejection is not None:
        raise RejectedError(rejection)
    if len(labels) == classes:
        return labels, ()
    no, yes = labels
    note = (
        f"one score for two labels: taken for the probability of {yes!r}, as Keras and torch count classes "
        f"from 0, and the rest for that of {no!r}; if it is the other way round, swap the labels"
    )
    return labels, (note,)


def _image(
    spec: ModelSpec, ports: ClassifierPorts, source: Source, inside: ModelInfo | None
) -> tuple[ImageInput, tuple[str, ...]]:
    fields: dict[str, Any] = {}  # from who says it least surely to who says it most
    if inside is not None:
        how = inside.resizing
        resize = Resize(mode=how.mode, pad_value=how.pad_value, antialias=how.antialias)
        fields |= _stated(inside) | {"resize": resize}
    if spec.preset is not None:
        fields |= _stated(spec.preset) | {"resize": spec.preset.resize_for(ports.size, source.family)}
    if spec.card is not None and "input" in spec.card.model_fields_set:  # what it leaves out has its defaults
        fields |= _stated(spec.card.input)
    fields |= _stated(spec)
    notes = []
    if ports.whole_numbers:  # such a tensor holds plain pixels; whatever else there is happens inside
        fields |= {"mean": NO_MEAN, "scale": NO_SCALE}
    missing = [f"--{step}" for step in ("mean", "scale", "color") if step not in fields]
    if missing:
        raise RejectedError(
            f"nothing says how a picture becomes this model's input ({', '.join(missing)}); pass --preset "
            f"({', '.join(PRESETS)}), a card with --card, or the numbers of its training, such as {_FLAGS}"
        )
    if "resize" not in fields:
        fields["resize"] = Resize()
        notes.append(
            "nothing says how pictures are brought to size: stretched; --resize crop:0.875 is usual too"
        )
    check_units(fields["mean"], fields["scale"])
    image = ImageInput(name=ports.image, size=ports.size, layout=ports.layout, **fields)
    return image, tuple(notes)


def _stated(source: ModelSpec | ImageInput | Preset | ModelInfo) -> dict[str, Any]:
    said = {step: getattr(source, step, None) for step in ("color", "mean", "scale", "resize")}
    return {step: value for step, value in said.items() if value is not None}


def _activation(spec: ModelSpec, base: ModelCard, ports: ClassifierPorts) -> FoundActivation:
    said = spec.activation
    if said is None and "activation" in base.output.model_fields_set:
        said = base.output.activation
    if said is None:
        return found_activation(ports.evidence)
    rejection = activation_rejection(said, ports.scores)
    if rejection is not None:
        raise RejectedError(rejection)
    check_activation(said, ports.evidence)
    return FoundActivation(said)


def _sample(spec: ModelSpec, labels: tuple[str, ...]) -> Sample | None:
    if spec.sample is None:
        return None
    if spec.sample_label is not None and spec.sample_label not in labels:
        raise RejectedError(f"--sample-label {spec.sample_label!r} is not among the labels; correct either")
    return Sample(picture=f"sample{spec.sample.suffix.lower()}", label=spec.sample_label)
