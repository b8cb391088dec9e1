"""`car-models import`."""

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from edge_common.model_card import card_as_mapping
from edge_common.quantities import format_size

from car_models.checkpoint_names import Family
from car_models.classifier import Classifier
from car_models.cli.options import AsJson, ModelFlags, Seconds, with_model_flags
from car_models.compare import Comparison, compare
from car_models.importing.importer import ImportRequest, Precision, import_version
from car_models.pictures.trial import read_trial_pictures
from car_models.report import comparison_document, print_table, table_of_comparison, table_of_differences


@with_model_flags
def import_command(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="ONNX, OpenVINO IR (.xml), SavedModel folder, .pb, .tflite, .pdmodel, "
            "or an EfficientNet checkpoint (.pth, .pt, .ckpt, .safetensors).",
        ),
    ],
    *,
    name: Annotated[str, typer.Option(help="The model's name in the bucket.")],
    version: Annotated[
        int | None, typer.Option(min=1, max=2**31 - 1, help="Version number; else the next free one.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder that gets <model>/<version>/<files>.")] = Path("models"),
    flags: ModelFlags,
    family: Annotated[
        Family | None, typer.Option(help="Whose network a checkpoint is of, where names fit several.")
    ] = None,
    precision: Annotated[
        Precision,
        typer.Option(help="fp32: as the file has it; fp16: half the bytes; int8: a quarter, faster."),
    ] = Precision.FP32,
    calibrate: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Pictures for int8; subfolders named as labels.")
    ] = None,
    embed_preprocessing: Annotated[
        bool, typer.Option("--embed-preprocessing", help="The model takes a picture's pixels as they are.")
    ] = False,
    seconds: Seconds = 1.0,
    as_json: AsJson = False,
) -> None:
    """Make a version of a model from a file, with card, labels and sample, tried as the sidecar would.

    Weights are read without running anything that is in the file.
    """
    request = ImportRequest(
        source=file,
        wishes=flags.wishes(),
        family=family,
        precision=precision,
        calibrate=calibrate,
        embed_preprocessing=embed_preprocessing,
    )
    imported = import_version(request, out, name, version)
    comparison = (
        _before_and_after(request, imported.folder, calibrate, seconds)
        if precision is Precision.INT8 and calibrate is not None
        else None
    )
    if as_json:
        document = {
            "model": imported.model,
            "version": imported.version,
            "folder": str(imported.folder),
            "bytes": imported.bytes,
            "precision": precision,
            "card": card_as_mapping(imported.card),
            "notes": list(imported.notes),
            "quantised": comparison_document(comparison) if comparison is not None else None,
        }
        typer.echo(json.dumps(document))
        return
    for note in imported.notes:
        typer.echo(f"note: {note}")
    typer.echo(f"{imported.folder}: {precision}, {format_size(imported.bytes)}; the sidecar would serve it")
    if comparison is not None:
        print_table(table_of_comparison(comparison))
        if comparison.differences:
            print_table(table_of_differences(comparison))


def _before_and_after(request: ImportRequest, folder: Path, pictures: Path, seconds: float) -> Comparison:
    """The version in `folder` beside the same one as it was before it was quantised."""
    with TemporaryDirectory(prefix="car-models-") as before:
        plain = import_version(replace(request, precision=Precision.FP32), Path(before), "before", 1)
        return compare(
            Classifier(plain.folder), Classifier(folder), read_trial_pictures(pictures), speed_seconds=seconds
        )
