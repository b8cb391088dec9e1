"""`car-models evaluate`."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from edge_common.errors import RejectedError

from car_models.classifier import Classifier
from car_models.cli.options import AsJson, Pictures, Seconds
from car_models.evaluate import evaluate, version_folder
from car_models.pictures.trial import read_trial_pictures
from car_models.recipes import CROP, STRETCH
from car_models.report import (
    evaluation_document,
    print_table,
    table_of_answers,
    table_of_classes,
    table_of_evaluations,
)

_FEW_PICTURES = 40
"""So many are listed one by one."""


class ResizeChoice(StrEnum):
    """How pictures are brought to the model's size."""

    CARD = "card"
    CROP = "crop"
    STRETCH = "stretch"


def evaluate_command(
    models: Annotated[list[Path], typer.Argument(help="Model folders (highest version) or version folders.")],
    *,
    pictures: Pictures,
    resize: Annotated[
        ResizeChoice, typer.Option(help="What the cards say, or one for all.")
    ] = ResizeChoice.CARD,
    seconds: Seconds = 1.0,
    as_served: Annotated[
        bool, typer.Option("--as-served", help="Compute as a server does: bf16 where the processor has it.")
    ] = False,
    per_class: Annotated[bool, typer.Option("--per-class", help="A table of every class as well.")] = False,
    confusion: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Draw which classes the (one) model mixes up.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Classify pictures on this machine: top-1, top-5, latency, images/s; Markdown unless on a terminal."""
    if confusion is not None and len(models) > 1:
        raise RejectedError("--confusion draws one model; evaluate them one after the other")
    replacement = {ResizeChoice.CARD: None, ResizeChoice.CROP: CROP, ResizeChoice.STRETCH: STRETCH}[resize]
    trial = read_trial_pictures(pictures)
    evaluations = [
        evaluate(
            Classifier(version_folder(path), as_served=as_served),
            trial,
            resize=replacement,
            speed_seconds=seconds,
        )
        for path in models
    ]
    if confusion is not None:
        from car_models.plots import confusion_figure, write_figure  # noqa: PLC0415 - slow, and seldom needed

        write_figure(confusion_figure(evaluations[0]), confusion)
    if as_json:
        typer.echo(json.dumps({"models": [evaluation_document(evaluation) for evaluation in evaluations]}))
        return
    if len(trial) <= _FEW_PICTURES:
        print_table(table_of_answers(evaluations))
    print_table(table_of_evaluations(evaluations))
    if per_class:
        for evaluation in evaluations:
            print_table(table_of_classes(evaluation))
