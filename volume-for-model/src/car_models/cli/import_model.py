"""`car-models import` and `car-models card`: a version from a file, and the card of one that is there."""

# ruff: noqa: PLC0415 - a command imports what only it needs, so that help and completion answer at once

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer
from edge_common.card_file import card_as_mapping
from edge_common.quantities import format_size

from car_models.cli.evaluate import Seconds
from car_models.cli.options import AsJson, ModelFlags, with_flags
from car_models.importing.checkpoints.architectures import Family
from car_models.importing.model_spec import Precision

if TYPE_CHECKING:
    from car_models.evaluating.evaluation import Comparison
    from car_models.importing.importer import ImportRequest

app = typer.Typer()


@app.command(
    name="import",
    epilog="""\b
    Examples:
      car-models import b0-cars.pth --name cars --labels cars.txt --preset efficientnet --sample volvo.jpg
          a checkpoint of EfficientNet-B0 by timm, torchvision or efficientnet_pytorch; no torch needed
      car-models import net.onnx --name cars --labels cars.txt --size 224x224 --mean 127 --scale 128 \\
          --color RGB --resize crop:0.875 --embed-preprocessing
          the model itself then prepares pictures
      car-models import net.onnx --name cars --card model.yaml --labels cars.txt --precision int8 \\
          --calibrate photos
          a quarter of the size; prints accuracy and speed before and after""",
)
@with_flags(ModelFlags)
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
        bool,
        typer.Option(
            "--embed-preprocessing",
            help="The model takes a picture's pixels as they are; the client still brings them to size, "
            "because nothing in a model antialiases as Pillow does.",
        ),
    ] = False,
    seconds: Seconds = 1.0,
    as_json: AsJson = False,
) -> None:
    """Make a version of a model from a file, with card, labels and sample, checked as the sidecar would.

    Weights are read without running anything that is in the file.
    """
    from car_models.cli.output import comparison_document, print_comparison
    from car_models.importing.importer import ImportRequest, import_version

    request = ImportRequest(
        source=file,
        spec=flags.spec(),
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
        print_comparison(comparison)


def _before_and_after(request: "ImportRequest", folder: Path, pictures: Path, seconds: float) -> "Comparison":
    """The version in `folder` beside the same one as it was before it was quantised."""
    from car_models.evaluating.classifier import Classifier
    from car_models.evaluating.evaluation import compare
    from car_models.evaluating.pictures import read_labelled_pictures
    from car_models.importing.importer import import_version

    with TemporaryDirectory(prefix="car-models-") as before:
        plain = import_version(replace(request, precision=Precision.FP32), Path(before), "before", 1)
        return compare(
            Classifier(plain.folder),
            Classifier(folder),
            read_labelled_pictures(pictures),
            speed_seconds=seconds,
        )


@app.command(
    epilog="""\b
    Examples:
      car-models card models/cars/1
          what holds for the version, checked
      car-models card models/cars/1 --labels cars.txt --preset efficientnet --write
          write model.yaml beside a model that has none"""
)
@with_flags(ModelFlags)
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
    from car_models.evaluating.classifier import Classifier, card_of_version
    from car_models.importing.importer import write_card
    from car_models.packaging.version_files import card_yaml, highest_version

    version = highest_version(folder)
    if write:
        write_card(version, flags.spec())
    found = card_of_version(version)
    Classifier(version)  # raises when the card does not fit the model
    if as_json:
        typer.echo(found.to_json().decode())
    else:
        typer.echo(card_yaml(found.card).decode(), nl=False)
        if found.labels is not None:
            typer.echo(f"# {len(found.labels)} labels: {', '.join(found.labels[:3])} …")
