"""`car-models check`, `push` and `promote`: from a folder, or MLflow's registry, into the bucket."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from edge_common.errors import RejectedError
from edge_common.quantities import format_duration, format_size
from model_sync.settings import read_settings

from car_models.check import check_model
from car_models.cli.options import AsJson

app = typer.Typer()
Wait = Annotated[bool, typer.Option("--wait", help="Wait until it is served, or rejected.")]
Timeout = Annotated[float, typer.Option(min=0, help="Seconds to wait.")]
StatusUrl = Annotated[
    str, typer.Option(envvar="MODEL_SYNC_STATUS_URL", help="Address of the sidecar, for --wait.")
]
_TIMEOUT = 300.0
_STATUS_URL = "http://localhost:8081"
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
    versions = check_model(folder)
    if as_json:
        typer.echo(json.dumps({"versions": [asdict(version) for version in versions]}))
    else:
        for version in versions:
            said = f"rejected: {version.problem}" if version.problem else "would be served"
            typer.echo(f"{version.model}/{version.version} ({format_size(version.bytes)}): {said}")
    if any(version.problem for version in versions):
        raise typer.Exit(RejectedError.exit_code)


@app.command(
    epilog="""\b
    Examples:
      car-models push models/cars/2 --wait
          to the bucket that MODEL_SYNC_S3_ENDPOINT and its like name, as model-sync push does
      car-models push build/out --model cars --version 3"""
)
def push(
    folder: Annotated[Path, typer.Argument(help="A version folder, <model>/<version>.")],
    *,
    model: Annotated[
        str | None, typer.Option(help="The model's name; else that of the folder above.")
    ] = None,
    version: Annotated[
        str | None, typer.Option(help="A whole number, or latest; else what the folder is called.")
    ] = None,
    wait: Wait = False,
    timeout: Timeout = _TIMEOUT,
    status_url: StatusUrl = _STATUS_URL,
    as_json: AsJson = False,
) -> None:
    """Check a version and upload it so that it is taken up whole: the files, then SHA256SUMS.

    The bucket and its keys come from the variables that model-sync reads: MODEL_SYNC_S3_ENDPOINT,
    MODEL_SYNC_S3_ACCESS_KEY, MODEL_SYNC_S3_SECRET_KEY, MODEL_SYNC_BUCKET.
    """
    from car_models.publish import push_version  # noqa: PLC0415 - the store's SDK is slow to import

    told: list[str] = []

    def tell(state: str) -> None:
        if not as_json and (not told or told[-1] != state):
            told.append(state)
            typer.echo(f"{state} …")

    pushed = push_version(
        folder, model=model, version=version, wait=wait, timeout=timeout, status_url=status_url, waiting=tell
    )
    if as_json:
        typer.echo(json.dumps(asdict(pushed)))
        return
    served = (
        f"; served after {format_duration(pushed.served_after)}" if pushed.served_after is not None else ""
    )
    typer.echo(f"{pushed.model} version {pushed.version}: {format_size(pushed.bytes)} uploaded{served}")


@app.command(
    epilog="""\b
    Examples:
      car-models promote models:/car_classifier@champion --wait
      car-models promote models:/car_classifier/3 --model cars --version 7
      car-models promote runs:/0a1b2c3d/model --model cars"""
)
def promote(
    reference: Annotated[
        str, typer.Argument(help="models:/NAME@ALIAS, models:/NAME/VERSION or runs:/RUN/PATH.")
    ],
    *,
    tracking_uri: Annotated[
        str, typer.Option(envvar="MLFLOW_TRACKING_URI", help="MLflow's server, or its database.")
    ] = _MLFLOW_URI,
    model: Annotated[
        str | None, typer.Option(help="Name in the bucket; by default the registered one.")
    ] = None,
    version: Annotated[
        str | None, typer.Option(help="Number in the bucket; by default the next free one.")
    ] = None,
    wait: Wait = False,
    timeout: Timeout = _TIMEOUT,
    status_url: StatusUrl = _STATUS_URL,
    as_json: AsJson = False,
) -> None:
    """Bring a model from MLflow's registry into the bucket, checked as the sidecar checks it.

    The store is that of the MODEL_SYNC_* variables. Promoting what the highest version in the bucket already
    is changes nothing; promoting an earlier model again is the rollback.
    """
    from car_models.tracking import promote as promotion  # noqa: PLC0415 - MLflow takes seconds to import
    from car_models.tracking.registry import Registry  # noqa: PLC0415 - as above

    done = promotion.promote(
        reference,
        registry=Registry(tracking_uri),
        store=read_settings(os.environ),
        model=model,
        version=version,
        waiting=promotion.Waiting(status_url, timeout) if wait else None,
        show=lambda line: None if as_json else typer.echo(line),
    )
    if as_json:
        typer.echo(json.dumps(asdict(done)))
    else:
        what = "uploaded" if done.uploaded else "nothing to upload"
        serving = ", serving" if done.state == "serving" else ""
        typer.echo(f"{done.registered} is {done.model} version {done.version}: {what}{serving}")
