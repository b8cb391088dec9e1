"""`car-client history`."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from edge_common.errors import FatalError
from rich.console import Console

from car_client.cli.options import AsJson, print_json, with_settings
from car_client.history.entries import HistoryFilter, entry_document, milliseconds_of
from car_client.history.reading import csv_parts, first_rows, is_there, read_rows
from car_client.output.terminal import show_history
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
