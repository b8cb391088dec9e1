"""The flags that several commands have, and what those about a model say together."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer
from edge_common.card_file import parse_card, read_labels
from edge_common.errors import RejectedError
from edge_common.model_card import Activation, Color, ModelCard

from car_models.importing.model_spec import ModelSpec, labels_from, resize_from, size_from, triple_from
from car_models.importing.presets import PRESETS, preset_named

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of lines for people.")]


@dataclass(frozen=True, kw_only=True)
class ModelFlags:
    """What a person says about a model, as typed; each field is an option of the commands that take them."""

    labels: Annotated[
        str | None,
        typer.Option(metavar="FILE|LIST", help="A file with one label a line, or a list with commas."),
    ] = None
    size: Annotated[str | None, typer.Option(metavar="HxW", help="Height and width in pixels: 224x224.")] = (
        None
    )
    mean: Annotated[
        str | None,
        typer.Option(metavar="M", help="Subtracted, in 0...255: one number, or three with commas."),
    ] = None
    scale: Annotated[
        str | None,
        typer.Option(metavar="S", help="Divided by, in 0...255: one number, or three with commas."),
    ] = None
    color: Annotated[Color | None, typer.Option(help="Order of the channels the model was trained with.")] = (
        None
    )
    resize: Annotated[
        str | None,
        typer.Option(
            metavar="MODE", help="stretch, crop:0.875, crop:256 or letterbox; :cubic or :aliased may follow."
        ),
    ] = None
    preset: Annotated[
        str | None, typer.Option(metavar="NAME", help=f"Mean, scale and so on: {', '.join(PRESETS)}.")
    ] = None
    card: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A model.yaml for what flags do not say.")
    ] = None
    output: Annotated[
        str | None, typer.Option(metavar="NAME", help="The tensor with the scores, of several.")
    ] = None
    activation: Annotated[
        Activation | None, typer.Option(help="Still to apply to the scores; else found out.")
    ] = None
    description: Annotated[str | None, typer.Option(help="What sets this version apart, for people.")] = None
    min_probability: Annotated[
        float | None, typer.Option(min=0, max=1, help="An answer below is shown as not sure.")
    ] = None
    sample: Annotated[
        Path | None,
        typer.Option(metavar="PICTURE", help="Tried by the sidecar before the version is served."),
    ] = None
    sample_label: Annotated[
        str | None, typer.Option(metavar="LABEL", help="What must be said of it first.")
    ] = None

    def spec(self) -> ModelSpec:
        """What they mean; raises RejectedError for one that means nothing."""
        said = ModelSpec(
            labels=labels_from(self.labels) if self.labels is not None else None,
            size=size_from(self.size) if self.size is not None else None,
            color=self.color,
            mean=triple_from(self.mean, "mean") if self.mean is not None else None,
            scale=triple_from(self.scale, "scale") if self.scale is not None else None,
            resize=resize_from(self.resize) if self.resize is not None else None,
            preset=preset_named(self.preset) if self.preset is not None else None,
            output=self.output,
            activation=self.activation,
            description=self.description,
            min_probability=self.min_probability,
            sample=self.sample,
            sample_label=self.sample_label,
        )
        return said if self.card is None else _with_card(said, self.card)


def _with_card(said: ModelSpec, path: Path) -> ModelSpec:
    """`said`, and what the card in `path` says where nothing else is said."""
    if not path.is_file():
        raise RejectedError(f"there is no card {path}; give a model.yaml")
    card = parse_card(path.read_bytes(), str(path))
    labels, output = said.labels or _labels_of(card, path), said.output or card.output.name
    sample, label = said.sample, said.sample_label
    if sample is None and card.sample is not None:
        sample, label = path.parent / card.sample.picture, label or card.sample.label
    return replace(said, card=card, labels=labels, output=output, sample=sample, sample_label=label)


def _labels_of(card: ModelCard, path: Path) -> tuple[str, ...] | None:
    named = card.output.labels
    if not isinstance(named, str):
        return named
    beside = path.parent / named
    if not beside.is_file():
        raise RejectedError(f"{path} names the labels file {named}, which is not beside it")
    return tuple(read_labels(beside.read_bytes()))


@dataclass(frozen=True, kw_only=True)
class UploadFlags:
    """Where an upload goes in the bucket, and whether to wait until it is served."""

    model: Annotated[
        str | None,
        typer.Option(help="Name in the bucket; else that of the folder above, or the registered one."),
    ] = None
    version: Annotated[
        str | None, typer.Option(help="Number in the bucket; else that of the folder, or the next free one.")
    ] = None
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is served, or rejected.")] = False
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait.")] = 300.0
    status_url: Annotated[
        str, typer.Option(envvar="MODEL_SYNC_STATUS_URL", help="Address of the sidecar, for --wait.")
    ] = "http://localhost:8081"


def with_flags(kind: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command that takes `flags: kind`, a dataclass, an option for each of its fields instead."""
    hints = get_type_hints(kind, include_extras=True)
    options = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in fields(kind)
    ]

    def with_options(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def run(*arguments: object, **values: Any) -> None:
            flags = kind(**{option.name: values.pop(option.name) for option in options})
            command(*arguments, flags=flags, **values)

        own = [each for each in inspect.signature(command).parameters.values() if each.name != "flags"]
        run.__signature__ = inspect.Signature([*own, *options])  # type: ignore[attr-defined]  # typer reads it
        run.__annotations__ = {each.name: each.annotation for each in (*own, *options)}
        return run

    return with_options
