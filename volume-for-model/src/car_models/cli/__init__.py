"""The command `car-models`: its subcommands together, and what becomes of their errors."""

from typing import NoReturn

import typer
from edge_common.command_line import add_version_option, run_app

from car_models.cli import evaluate, import_model, samples, upload

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Build, import, check, evaluate and upload car classification models.",
)
add_version_option(app, "edgeai-cars-models")
for commands in (samples.app, import_model.app, evaluate.app, upload.app):
    app.add_typer(commands)


def main() -> NoReturn:
    """Run the command; an expected error ends with one sentence and its exit code."""
    run_app(app, "car-models")
