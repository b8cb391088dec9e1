"""`car-client bench`."""

from pathlib import Path
from typing import Annotated

import typer
from edge_common.errors import RejectedError
from rich.console import Console

from car_client.cli.options import INFERENCE, AsJson, Models, print_json, with_settings
from car_client.output.terminal import show_throughput
from car_client.pipeline.throughput import measure_model
from car_client.session import Session
from car_client.settings import Settings


@with_settings(*INFERENCE, answers_on_terminal=True)
def bench(
    settings: Settings,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Files with pictures.")],
    *,
    model: Models = None,
    seconds: Annotated[float, typer.Option(min=0.2, max=600, help="Time for each of the two rates.")] = 5.0,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Requests at the same time.")] = 4,
    as_json: AsJson = False,
) -> None:
    """Measure pictures a second: from files to verdicts, and by the server alone with prepared tensors.

    It loads the server as far as it can.
    """
    missing = [file for file in images if not file.is_file()]
    if missing:
        raise RejectedError(f"{missing[0]} cannot be read: there is no such file")
    session = Session(settings)
    chosen = session.discovery.refresh().choose_some(model or ())
    rates = [
        measure_model(
            served, images, session.classifier, limits=session.limits, seconds=seconds, workers=workers
        )
        for served in chosen
    ]
    if as_json:
        print_json({"workers": workers, "models": [rate.document() for rate in rates]})
    else:
        show_throughput(Console(), rates)
