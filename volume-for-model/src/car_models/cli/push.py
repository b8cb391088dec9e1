"""`car-models push`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from edge_common.quantities import format_duration, format_size

from car_models.cli.options import AsJson


def push(
    folder: Annotated[Path, typer.Argument(help="A version folder, <model>/<version>.")],
    *,
    model: Annotated[
        str | None, typer.Option(help="The model's name; else that of the folder above.")
    ] = None,
    version: Annotated[
        str | None, typer.Option(help="A whole number, or latest; else what the folder is called.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is served, or rejected.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait.")] = 300.0,
    status_url: Annotated[
        str, typer.Option(help="Address of the sidecar.", envvar="MODEL_SYNC_STATUS_URL")
    ] = "http://localhost:8081",
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
