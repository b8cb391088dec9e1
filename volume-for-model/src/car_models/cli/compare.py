"""`car-models compare`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from car_models.classifier import Classifier
from car_models.cli.options import AsJson, Pictures, Seconds
from car_models.compare import compare
from car_models.evaluate import version_folder
from car_models.pictures.trial import read_trial_pictures
from car_models.report import comparison_document, print_table, table_of_comparison, table_of_differences

Version = Annotated[Path, typer.Argument(help="A model folder (highest version) or a version folder.")]


def compare_command(
    first: Version,
    second: Version,
    *,
    pictures: Pictures,
    seconds: Seconds = 1.0,
    plot: Annotated[Path | None, typer.Option(metavar="PNG", help="Draw the figures side by side.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run two versions on the same pictures: figures side by side, and where their answers differ."""
    one, other = (Classifier(version_folder(path)) for path in (first, second))
    comparison = compare(one, other, read_trial_pictures(pictures), speed_seconds=seconds)
    if plot is not None:
        from car_models.plots import comparison_figure, write_figure  # noqa: PLC0415 - slow, and seldom needed

        write_figure(comparison_figure(comparison), plot)
    if as_json:
        typer.echo(json.dumps(comparison_document(comparison)))
        return
    print_table(table_of_comparison(comparison))
    if comparison.differences:
        print_table(table_of_differences(comparison))
    else:
        typer.echo("both say the same of every picture")
