"""`car-client history` and `review`: what was kept of earlier answers."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from edge_common.errors import FatalError
from rich.console import Console

from car_client.cli.options import AsJson, print_json, with_settings
from car_client.history.entries import HistoryFilter, entry_document, milliseconds_of
from car_client.history.reading import csv_parts, first_rows, is_there, read_rows
from car_client.output.terminal import show_history
from car_client.review.bucket import open_review
from car_client.review.taking import EXPECTED_NAME, take_labelled
from car_client.settings import Settings

_LISTED = 50
_MOST_LISTED = 10_000_000
Time = Annotated[str | None, typer.Option(metavar="TIME", help="Such as 2026-11-30 or 2026-11-30T10:41Z.")]


@with_settings(answers_on_terminal=True)
def history(
    settings: Settings,
    *,
    model: Annotated[str | None, typer.Option(help="Only this model.")] = None,
    source: Annotated[str | None, typer.Option(help="Only this source; `page` for what people sent.")] = None,
    label: Annotated[str | None, typer.Option(help="Only labels with this in them.")] = None,
    min_probability: Annotated[float | None, typer.Option(min=0, max=1, help="Only surer answers.")] = None,
    since: Time = None,
    until: Time = None,
    limit: Annotated[
        int | None, typer.Option(min=1, max=_MOST_LISTED, help="At most so many, the newest; --csv: all.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The history to read, instead of CAR_CLIENT_HISTORY.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, with all that fits the filter.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the answers that were kept, newest first; also while the client runs."""
    path = file or settings.history
    if path is None:
        raise FatalError("no history is kept: name its file in CAR_CLIENT_HISTORY, or with --file")
    if not is_there(path):
        raise FatalError(
            f"there is no history at {path}; start a client that keeps one, or name another file"
        )
    wanted = HistoryFilter(
        model,
        source,
        label,
        min_probability,
        _milliseconds("--since", since),
        _milliseconds("--until", until),
    )
    if as_csv:
        first = first_rows(path, wanted)
        for part in csv_parts(path, wanted, first=first, at_most=limit or _MOST_LISTED):
            sys.stdout.write(part)
        return
    entries = [entry_document(row) for row in read_rows(path, wanted, at_most=limit or _LISTED)]
    if as_json:
        print_json({"entries": entries})
        return
    show_history(
        Console(),
        (
            (
                *(entry["time"], entry["source"], entry["picture"], f"{entry['model']}/{entry['version']}"),
                *(entry["label"], f"{entry['probability']:.4f}", f"{entry['latency_ms']:.1f}"),
            )
            for entry in entries
        ),
    )


def _milliseconds(option: str, text: str | None) -> int | None:
    try:
        return milliseconds_of(text) if text is not None else None
    except ValueError as error:
        raise FatalError(f"{option}: {error}") from error


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
