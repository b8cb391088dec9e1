"""`car-client review`."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from edge_common.errors import FatalError

from car_client.cli.options import AsJson, print_json, with_settings
from car_client.review.bucket import open_review
from car_client.review.taking import EXPECTED_NAME, take_labelled
from car_client.settings import Settings


@with_settings("review", answers_on_terminal=True)
def review(
    settings: Settings,
    *,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Gets the pictures and expected.csv.")],
    as_json: AsJson = False,
) -> None:
    """Take the pictures out of review that a person has labelled, for `car-models evaluate --pictures`.

    Nothing changes in the bucket; again into the same folder brings it up to date.
    """
    place = open_review(settings)
    if place is None:
        raise FatalError("no place of reviews is set: name it in CAR_CLIENT_REVIEW, or with --review")
    taken = take_labelled(place, out)
    if as_json:
        print_json({"folder": str(out), **asdict(taken)})
        return
    left = f"; {taken.unlabelled} wait for a label" if taken.unlabelled else ""
    bad = f"; {taken.damaged} are damaged, see the log" if taken.damaged else ""
    sys.stdout.write(
        f"{taken.labelled} labelled pictures are in {out}, listed in {EXPECTED_NAME}{left}{bad}\n"
    )
