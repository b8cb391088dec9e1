"""`car-client classify`, `models` and `bench`: what asks the server, answers and ends."""

from pathlib import Path
from typing import Annotated

import typer
from edge_common.errors import RejectedError
from rich.console import Console

from car_client.cli.options import INFERENCE, SERVER, AsJson, Images, Models, TopK, print_json, with_settings
from car_client.output.documents import log_inference, outcome_document, table_document
from car_client.output.drawing import annotated, annotation_paths, save_annotated
from car_client.output.terminal import show_classification, show_models, show_throughput
from car_client.pipeline.classifier import Classification
from car_client.pipeline.given import classify_given, given_pictures
from car_client.pipeline.throughput import measure_model
from car_client.session import Session
from car_client.settings import Settings


@with_settings(*SERVER, answers_on_terminal=True)
def models(settings: Settings, *, as_json: AsJson = False) -> None:
    """List the server's models, their versions and states, and how pictures are prepared for them."""
    table = Session(settings).discovery.refresh()
    if as_json:
        print_json(table_document(settings.server_url, table))
    else:
        show_models(Console(), settings.server_url, table)


@with_settings(*INFERENCE, answers_on_terminal=True)
def classify(
    settings: Settings,
    images: Images,
    *,
    model: Models = None,
    top_k: TopK = None,
    annotate: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Write the picture with its classes drawn below it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Classify pictures once: files, folders, http addresses, or `-` for standard input.

    With every model, or with those named. Pictures that cannot be classified are told on standard error, the
    others are classified all the same.
    """
    console = Console()

    def show(result: Classification) -> None:
        log_inference(result)
        if not as_json:
            show_classification(console, result)

    given = given_pictures(images)
    drawings = annotation_paths(annotate, [picture.name for picture in given]) if annotate is not None else {}
    session = Session(settings)
    outcome = classify_given(
        given,
        session.discovery,
        session.classifier,
        limits=session.limits,
        models=model or (),
        top_k=top_k,
        show=show,
    )
    for picture in given if drawings else ():
        results = [result for result in outcome.results if result.picture == picture.name]
        if results:
            pixels = picture.load(session.limits).pixels
            save_annotated(annotated(pixels, results), drawings[picture.name])
    if as_json:
        print_json(outcome_document(outcome))
    outcome.check()


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
