"""The command `car-models`."""

import json
import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from edge_common.errors import EdgeError, RejectedError
from edge_common.quantities import format_size

from car_models.build import build_files
from car_models.check import check_model
from car_models.classifier import Classifier
from car_models.evaluate import evaluate, version_folder
from car_models.package import truncated, with_sums, write_version
from car_models.pictures.collection import write_collection
from car_models.pictures.stamps import default_cache, fetch_stamps, find_stamps
from car_models.recipes import CROP, RECIPES, STRETCH, Variant, recipe_named
from car_models.report import evaluations_as_json, print_table, table_of_evaluations, table_of_pictures
from car_models.tracking.command import promote_command

app = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of lines for people.")]


class Photos(StrEnum):
    """Whether photos join the drawings."""

    AUTO = "auto"
    REQUIRED = "required"
    NONE = "none"


class ResizeChoice(StrEnum):
    """How pictures are brought to the model's size."""

    CARD = "card"
    CROP = "crop"
    STRETCH = "stretch"


def main() -> None:
    """Run the command; expected errors end with one sentence and their exit code."""
    try:
        app()
    except EdgeError as error:
        sys.stderr.write(f"car-models: {error}\n")
        sys.exit(error.exit_code)
    except OSError as error:
        sys.stderr.write(
            f"car-models: {error.filename or 'a file'}: {error.strerror}; correct that and retry\n"
        )
        sys.exit(1)


@app.callback()
def _options_of_all_commands() -> None:
    """Build, check and try car classification models."""


@app.command(
    epilog="""\b
    Examples:
      car-models build
          both models, version 1, into ./models
      car-models build --only effnet_lite0_car_onnx --version 2
          a second version, which answers differently
      car-models build --only effnet_lite0_car_onnx --version 3 --broken
          one that no server can load"""
)
def build(
    *,
    out: Annotated[Path, typer.Option(help="Folder that gets <model>/<version>/<files>.")] = Path("models"),
    only: Annotated[str | None, typer.Option(metavar="NAME", help="Build this model only.")] = None,
    version: Annotated[int, typer.Option(min=1, max=2**31 - 1, help="Version number to write.")] = 1,
    variant: Annotated[
        Variant | None, typer.Option(help="plain for version 1, sharp for others, unless given.")
    ] = None,
    broken: Annotated[
        bool, typer.Option("--broken", help="Cut the model off half-way, for demonstrations.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Build the sample models from the installed weights; the same bytes each time."""
    chosen = variant or (Variant.PLAIN if version == 1 else Variant.SHARP)
    built = []
    for recipe in [recipe_named(only)] if only else RECIPES:
        files = build_files(recipe, chosen)
        files = with_sums(truncated(files) if broken else files)
        folder = write_version(out, recipe.model, version, files)
        size = sum(map(len, files.values()))
        built.append({"model": recipe.model, "version": version, "folder": str(folder), "bytes": size})
        if not as_json:
            typer.echo(f"{folder}: {chosen}{', broken' if broken else ''}, {format_size(size)}")
    if as_json:
        typer.echo(json.dumps({"built": built, "variant": chosen, "broken": broken}))


@app.command(
    epilog="""\b
    Examples:
      car-models check models/effnet_lite0_car_onnx
      car-models check models/effnet_lite0_car_onnx/2 --json"""
)
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


@app.command(
    epilog="""\b
    Examples:
      car-models pictures --out demo-pictures
      car-models pictures --out demo-pictures --photos none"""
)
def pictures(
    *,
    out: Annotated[Path, typer.Option(help="Folder that gets the JPEG files and pictures.json.")],
    photos: Annotated[
        Photos,
        typer.Option(help="auto: photos where they can be had; required: fail without; none: drawings."),
    ] = Photos.AUTO,
    cache: Annotated[Path | None, typer.Option(help="Folder that keeps fetched photos.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write demonstration pictures, and which of the sample models recognise them.

    Photos come from Debian's package tuxpaint-stamps-default: installed, or fetched once with apt (161 MB).
    """
    root = None if photos is Photos.NONE else _root_of_photos(cache or default_cache(), photos)
    with TemporaryDirectory(prefix="car-models-") as folder:
        models = [
            Classifier(write_version(Path(folder), recipe.model, 1, build_files(recipe, Variant.PLAIN)))
            for recipe in RECIPES
        ]
        entries = write_collection(out, root, models)
    if as_json:
        typer.echo(json.dumps({"pictures": [asdict(entry) for entry in entries]}))
    else:
        print_table(table_of_pictures(entries))


def _root_of_photos(cache: Path, photos: Photos) -> Path | None:
    found = find_stamps(cache)
    if found is not None:
        return found
    try:
        return fetch_stamps(cache)
    except EdgeError as error:
        if photos is Photos.REQUIRED:
            raise
        typer.echo(f"car-models: drawings only: {error}", err=True)
        return None


@app.command(
    name="evaluate",
    epilog="""\b
    Examples:
      car-models evaluate models/effnet_lite0_car_onnx --pictures demo-pictures
      car-models evaluate models/*/ --pictures demo-pictures --resize stretch""",
)
def evaluate_command(
    models: Annotated[list[Path], typer.Argument(help="Model folders (highest version) or version folders.")],
    *,
    pictures: Annotated[Path, typer.Option(help="Folder made by car-models pictures.")],
    resize: Annotated[
        ResizeChoice, typer.Option(help="What the cards say, or one for all.")
    ] = ResizeChoice.CARD,
    as_json: AsJson = False,
) -> None:
    """Classify pictures on this machine and count what is right; a Markdown table unless on a terminal."""
    replacement = {ResizeChoice.CARD: None, ResizeChoice.CROP: CROP, ResizeChoice.STRETCH: STRETCH}[resize]
    loaded = [Classifier(version_folder(path)) for path in models]
    entries, evaluations = evaluate(loaded, pictures, replacement)
    if as_json:
        typer.echo(json.dumps(evaluations_as_json(entries, evaluations)))
    else:
        print_table(table_of_evaluations(entries, evaluations))


app.command(
    name="promote",
    epilog="""\b
    Examples:
      car-models promote models:/car_classifier@champion --wait
      car-models promote models:/car_classifier/3 --model cars --version 7
      car-models promote runs:/0a1b2c3d/model --model cars""",
)(promote_command)
