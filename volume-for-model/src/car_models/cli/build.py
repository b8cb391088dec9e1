"""`car-models build`."""

import json
from pathlib import Path
from typing import Annotated

import typer
from edge_common.quantities import format_size

from car_models.build import build_files
from car_models.cli.options import AsJson
from car_models.package import truncated, with_sums, write_version
from car_models.recipes import RECIPES, Variant, recipe_named


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
