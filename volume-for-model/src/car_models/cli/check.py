"""`car-models check`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from edge_common.errors import RejectedError
from edge_common.quantities import format_size

from car_models.check import check_model
from car_models.cli.options import AsJson


def check(
    folder: Annotated[Path, typer.Argument(help="A model folder, or one version in it.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Say what the sidecar would make of a folder: names, files, SHA256SUMS, card, and a trial load.

    Exit code 0 when every version would be served, 65 when one would not.
    """
    verdicts = check_model(folder)
    if as_json:
        typer.echo(json.dumps({"versions": [asdict(verdict) for verdict in verdicts]}))
    else:
        for verdict in verdicts:
            said = f"rejected: {verdict.problem}" if verdict.problem else "would be served"
            typer.echo(f"{verdict.model}/{verdict.version} ({format_size(verdict.bytes)}): {said}")
    if any(verdict.problem for verdict in verdicts):
        raise typer.Exit(RejectedError.exit_code)
