"""`car-client classify`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from car_client.cli.options import INFERENCE, AsJson, Images, Models, TopK, print_json, with_settings
from car_client.output.documents import log_inference, outcome_document
from car_client.output.drawing import annotated, annotation_paths, save_annotated
from car_client.output.terminal import show_classification
from car_client.pipeline.classifier import Classification
from car_client.pipeline.files import classify_given
from car_client.pipeline.given import given_pictures
from car_client.session import Session
from car_client.settings import Settings


@with_settings(*INFERENCE, answers_on_terminal=True)
def classify(
    settings: Settings,
    images: Images,
    *,
    model: Models = None,
    top_k: TopK = None,
    annotate: Annotated[
        Path | None,
        typer.Option(metavar="OUT", help="Write the picture with its classes drawn below it."),
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
