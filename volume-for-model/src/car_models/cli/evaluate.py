"""`car-models evaluate` and `car-models compare`: versions on pictures, one or two of them."""

# ruff: noqa: PLC0415 - a command imports what only it needs, so that help and completion answer at once

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from edge_common.errors import RejectedError

from car_models.cli.options import AsJson
from car_models.samples.recipes import CROP, STRETCH

app = typer.Typer()
Pictures = Annotated[
    Path,
    typer.Option(
        help="Folder of pictures: with an expected.csv (file,label), with one subfolder a label, or of "
        "car-models pictures."
    ),
]
Seconds = Annotated[
    float, typer.Option(min=0, max=600, help="Measure latency and images/s for this long each; 0: do not.")
]
Version = Annotated[Path, typer.Argument(help="A model folder (highest version) or a version folder.")]
_FEW_PICTURES = 40
"""So many are listed one by one."""


class ResizeChoice(StrEnum):
    """How pictures are brought to the model's size."""

    CARD = "card"
    CROP = "crop"
    STRETCH = "stretch"


_RESIZES = {ResizeChoice.CARD: None, ResizeChoice.CROP: CROP, ResizeChoice.STRETCH: STRETCH}


@app.command(
    name="evaluate",
    epilog="""\b
    Examples:
      car-models evaluate models/effnet_lite0_car_onnx --pictures demo-pictures
      car-models evaluate models/*/ --pictures demo-pictures --resize stretch
      car-models evaluate models/cars/2 --pictures photos --write-acceptance models/cars/2
          the sidecar tries the version with them before it is served: acceptance/ and expected.csv
      car-models evaluate models/cars --pictures photos --per-class --confusion confusion.png --seconds 3
          photos/<label>/*.jpg; a picture of what is mixed up; latency and images/s
      car-models evaluate models/cars --pictures reviewed
          pictures that people have labelled on the client's page, from car-client review --out reviewed""",
)
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
    write_acceptance: Annotated[
        Path | None,
        typer.Option(metavar="VERSION", help="Give the pictures with labels to a version as its acceptance."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Classify pictures on this machine: top-1, top-5, latency, images/s; Markdown unless on a terminal."""
    from car_models.cli import output
    from car_models.evaluating.classifier import Classifier
    from car_models.evaluating.evaluation import evaluate
    from car_models.evaluating.pictures import read_labelled_pictures
    from car_models.evaluating.pictures import write_acceptance as give
    from car_models.packaging.version_files import highest_version

    if confusion is not None and len(models) > 1:
        raise RejectedError("--confusion draws one model; evaluate them one after the other")
    shown = read_labelled_pictures(pictures)
    classifiers = (Classifier(highest_version(path), as_served=as_served) for path in models)  # one at a time
    evaluations = [
        evaluate(each, shown, resize=_RESIZES[resize], speed_seconds=seconds) for each in classifiers
    ]
    if write_acceptance is not None:
        give(highest_version(write_acceptance), shown)
    if confusion is not None:
        from car_models.evaluating import plots

        plots.write_figure(plots.confusion_figure(evaluations[0]), confusion)
    if as_json:
        documents = [output.evaluation_document(evaluation) for evaluation in evaluations]
        typer.echo(json.dumps({"models": documents}))
        return
    if len(shown) <= _FEW_PICTURES:
        output.print_table(output.table_of_answers(evaluations))
    output.print_table(output.table_of_evaluations(evaluations))
    if per_class:
        for evaluation in evaluations:
            output.print_table(output.table_of_classes(evaluation))


@app.command(
    name="compare",
    epilog="""\b
    Examples:
      car-models compare models/cars/1 models/cars/2 --pictures photos --seconds 3 --plot compare.png
      car-models compare models/cars models/effnet_lite0_car_onnx --pictures demo-pictures --json""",
)
def compare_command(
    first: Version,
    second: Version,
    *,
    pictures: Pictures,
    seconds: Seconds = 1.0,
    plot: Annotated[Path | None, typer.Option(metavar="PNG", help="Draw the figures side by side.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run two versions on the same pictures: figures, differences, and whether to promote the second."""
    from car_models.cli import output
    from car_models.evaluating.classifier import Classifier
    from car_models.evaluating.decision import decide
    from car_models.evaluating.evaluation import compare
    from car_models.evaluating.pictures import read_labelled_pictures
    from car_models.packaging.version_files import highest_version

    one, other = (Classifier(highest_version(path)) for path in (first, second))
    comparison = compare(one, other, read_labelled_pictures(pictures), speed_seconds=seconds)
    labelled = bool(comparison.first.labelled)
    decision = decide(comparison.second, comparison.first) if labelled else None
    if plot is not None:
        from car_models.evaluating import plots

        plots.write_figure(plots.comparison_figure(comparison), plot)
    if as_json:
        decided = {"decision": asdict(decision) if decision is not None else None}
        typer.echo(json.dumps(output.comparison_document(comparison) | decided))
        return
    output.print_comparison(comparison)
    if not comparison.differences:
        typer.echo("both say the same of every picture")
    if decision is not None:
        typer.echo(decision.sentence)
