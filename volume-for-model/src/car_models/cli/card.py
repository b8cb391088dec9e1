"""`car-models card`."""

from pathlib import Path
from typing import Annotated

import typer

from car_models.card import card_yaml
from car_models.classifier import Classifier, card_of_version
from car_models.cli.options import AsJson, ModelFlags, with_model_flags
from car_models.evaluate import version_folder
from car_models.importing.describe import write_card


@with_model_flags
def card(
    folder: Annotated[Path, typer.Argument(help="A model folder (highest version) or a version folder.")],
    *,
    write: Annotated[
        bool, typer.Option("--write", help="Write model.yaml (and labels, sample) from model and flags.")
    ] = False,
    flags: ModelFlags,
    as_json: AsJson = False,
) -> None:
    """Show the card that holds for a version, checked against its model; or write one."""
    version = version_folder(folder)
    if write:
        write_card(version, flags.wishes())
    found = card_of_version(version)
    Classifier(version)  # refuses a card that does not fit the model
    if as_json:
        typer.echo(found.to_json().decode())
    else:
        typer.echo(card_yaml(found.card).decode(), nl=False)
        if found.labels is not None:
            typer.echo(f"# {len(found.labels)} labels: {', '.join(found.labels[:3])} …")
