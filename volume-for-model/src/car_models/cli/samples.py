"""`car-models build` and `car-models pictures`: the sample models, and pictures to show them with."""

# ruff: noqa: PLC0415 - a command imports what only it needs, so that help and completion answer at once

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from edge_common.errors import EdgeError
from edge_common.quantities import format_size

from car_models.cli.options import AsJson
from car_models.samples.recipes import RECIPES, Variant, recipe_named

app = typer.Typer()


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
    from car_models.packaging.version_files import truncated, with_sums, write_version
    from car_models.samples.build import build_files

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


class Photos(StrEnum):
    """Whether photos join the drawings."""

    AUTO = "auto"
    REQUIRED = "required"
    NONE = "none"


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
    from car_models.cli.output import print_table, table_of_pictures
    from car_models.evaluating.classifier import Classifier
    from car_models.packaging.version_files import write_version
    from car_models.samples.build import build_files
    from car_models.samples.pictures import write_collection
    from car_models.samples.stamps import default_cache

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
    from car_models.samples.stamps import fetch_stamps, find_stamps

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
