"""The command `car-models promote`; MLflow is imported only when it runs."""

import json
import os
import sys
from dataclasses import asdict
from typing import Annotated

import typer
from model_sync.settings import read_settings

DEFAULT_URI = "sqlite:///mlflow.db"
"""MLflow's own default: a file in the current folder."""


def promote_command(
    reference: Annotated[
        str, typer.Argument(help="models:/NAME@ALIAS, models:/NAME/VERSION or runs:/RUN/PATH.")
    ],
    *,
    tracking_uri: Annotated[
        str, typer.Option(envvar="MLFLOW_TRACKING_URI", help="MLflow's server, or its database.")
    ] = DEFAULT_URI,
    model: Annotated[
        str | None, typer.Option(help="Name in the bucket; by default the registered one.")
    ] = None,
    version: Annotated[
        str | None, typer.Option(help="Number in the bucket; by default the next free one.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is served, or rejected.")] = False,
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait.")] = 300.0,
    status_url: Annotated[
        str, typer.Option(envvar="MODEL_SYNC_STATUS_URL", help="Address of the sidecar, for --wait.")
    ] = "http://localhost:8081",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document instead of lines for people.")
    ] = False,
) -> None:
    """Bring a model from MLflow's registry into the bucket, checked as the sidecar checks it.

    The store is that of the MODEL_SYNC_* variables. Promoting what the highest version in the bucket already
    is changes nothing; promoting an earlier model again is the rollback.
    """
    from car_models.tracking.promote import Waiting, promote  # noqa: PLC0415 - MLflow takes seconds to import
    from car_models.tracking.registry import Registry  # noqa: PLC0415 - as above

    promotion = promote(
        reference,
        registry=Registry(tracking_uri),
        store=read_settings(os.environ),
        model=model,
        version=version,
        waiting=Waiting(status_url, timeout) if wait else None,
        show=lambda line: None if as_json else typer.echo(line),
    )
    if as_json:
        sys.stdout.write(json.dumps(asdict(promotion)) + "\n")
    else:
        done = "uploaded" if promotion.uploaded else "nothing to upload"
        typer.echo(
            f"{promotion.registered} is {promotion.model} version {promotion.version}: "
            f"{done}{', serving' if promotion.state == 'serving' else ''}"
        )
