"""`car-models pictures`."""

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from edge_common.errors import EdgeError

from car_models.build import build_files
from car_models.classifier import Classifier
from car_models.cli.options import AsJson
from car_models.package import write_version
from car_models.pictures.collection import write_collection
from car_models.pictures.stamps import default_cache, fetch_stamps, find_stamps
from car_models.recipes import RECIPES, Variant
from car_models.report import print_table, table_of_pictures


class Photos(StrEnum):
    """Whether photos join the drawings."""

    AUTO = "auto"
    REQUIRED = "required"
    NONE = "none"


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
