"""`car-models check`, `push` and `promote`: from a folder, or MLflow's registry, into the bucket."""

# ruff: noqa: PLC0415 - a command imports what only it needs, so that help and completion answer at once

import json
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from edge_common.errors import RejectedError
from edge_common.quantities import format_duration, format_size

from car_models.cli.options import AsJson, UploadFlags, with_flags

app = typer.Typer()
_MLFLOW_URI = "sqlite:///mlflow.db"
"""MLflow's own default: a file in the current folder."""


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
    """Say what the sidecar would make of a folder: names, files, SHA256SUMS, card, and loading it once.

    Exit code 0 when every version would be served, 65 when one would not.
    """
    from model_sync.upload import check_model

    if not folder.is_dir():
        raise RejectedError(f"there is no folder {folder}; name the one that holds <version>/<files>")
    versions = check_model(folder)
    if as_json:
        typer.echo(json.dumps({"versions": [asdict(version) for version in versions]}))
    else:
        for version in versions:
            said = f"rejected: {version.problem}" if version.problem else "would be served"
            said += f"; acceptance: {version.acceptance}" if version.acceptance else ""
            typer.echo(f"{version.model}/{version.version} ({format_size(version.bytes)}): {said}")
    if any(version.problem for version in versions):
        raise typer.Exit(RejectedError.exit_code)


@app.command(
    epilog="""\b
    Examples:
      car-models push models/cars/2 --wait
          to the bucket that MODEL_SYNC_S3_ENDPOINT and its like name, as model-sync push does
      car-models push build/out --model cars --version 3
      car-models push models/cars/2 --acceptance photos
          with photos/<label>/*.jpg, or photos/expected.csv, as the version's acceptance/"""
)
@with_flags(UploadFlags)
def push(
    folder: Annotated[Path, typer.Argument(help="A version folder, <model>/<version>.")],
    *,
    acceptance: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Labelled pictures to put into the version as its acceptance."),
    ] = None,
    flags: UploadFlags,
    as_json: AsJson = False,
) -> None:
    """Check a version and upload it so that it is taken up whole: the files, then SHA256SUMS.

    The bucket and its keys come from the variables that model-sync reads: MODEL_SYNC_S3_ENDPOINT,
    MODEL_SYNC_S3_ACCESS_KEY, MODEL_SYNC_S3_SECRET_KEY, MODEL_SYNC_BUCKET.
    """
    from model_sync.upload import (
        Destination,
        ask_for_sync,
        check_model,
        is_version_name,
        read_settings,
        read_version_folder,
        wait_until_served,
    )

    folder = folder.resolve()
    if acceptance is not None:
        from car_models.evaluating.pictures import read_labelled_pictures, write_acceptance

        write_acceptance(folder, read_labelled_pictures(acceptance))
    upload = read_version_folder(folder, flags.model or folder.parent.name, flags.version or folder.name)
    if is_version_name(folder.name):
        for checked in check_model(folder):
            if checked.problem is not None:
                raise RejectedError(f"{folder} would not be served: {checked.problem}")
    settings = read_settings(os.environ)
    destination = Destination(settings)
    uploaded_at = destination.send(upload)
    ask_for_sync(flags.status_url, destination.store, settings.sync_token.get_secret_value())
    served_after = None
    if flags.wait:
        state = ""
        upload_id, store = destination.upload_id(upload), destination.store
        for entry in wait_until_served(upload, upload_id, flags.status_url, flags.timeout, pushed_to=store):
            if entry is not None and entry["state"] != state:
                state = str(entry["state"])
                if not as_json:
                    typer.echo(f"{state} …")
        served_after = round(time.time() - uploaded_at, 3)
    if as_json:
        document = {
            "model": upload.model,
            "version": upload.version,
            "files": len(upload.files),
            "bytes": upload.size,
            "digest": upload.digest,
            "uploaded_at": uploaded_at,
            "served_after_s": served_after,
        }
        typer.echo(json.dumps(document))
        return
    served = f"; served after {format_duration(served_after)}" if served_after is not None else ""
    typer.echo(f"{upload.model} version {upload.version}: {format_size(upload.size)} uploaded{served}")


@app.command(
    epilog="""\b
    Examples:
      car-models promote models:/car_classifier@champion --wait
      car-models promote models:/car_classifier/3 --model cars --version 7
      car-models promote runs:/0a1b2c3d/model --model cars"""
)
@with_flags(UploadFlags)
def promote(
    reference: Annotated[
        str, typer.Argument(help="models:/NAME@ALIAS, models:/NAME/VERSION or runs:/RUN/PATH.")
    ],
    *,
    tracking_uri: Annotated[
        str, typer.Option(envvar="MLFLOW_TRACKING_URI", help="MLflow's server, or its database.")
    ] = _MLFLOW_URI,
    flags: UploadFlags,
    as_json: AsJson = False,
) -> None:
    """Bring a model from MLflow's registry into the bucket, checked as the sidecar checks it.

    The store is that of the MODEL_SYNC_* variables. Promoting what the highest version in the bucket already
    is changes nothing; promoting an earlier model again is the rollback.
    """
    from model_sync.upload import read_settings

    from car_models.tracking import promote as promotion
    from car_models.tracking.registry import Registry

    done = promotion.promote(
        reference,
        registry=Registry(tracking_uri),
        store=read_settings(os.environ),
        model=flags.model,
        version=flags.version,
        waiting=promotion.Waiting(flags.status_url, flags.timeout) if flags.wait else None,
        show=lambda line: None if as_json else typer.echo(line),
    )
    if as_json:
        typer.echo(json.dumps(asdict(done)))
    else:
        what = "uploaded" if done.uploaded else "nothing to upload"
        serving = ", serving" if done.state == "serving" else ""
        typer.echo(f"{done.registered} is {done.model} version {done.version}: {what}{serving}")
