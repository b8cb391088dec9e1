"""What the commands show: lines, with colours and progress on a terminal, and JSON for scripts.

Names and reasons come from whoever may write to the bucket, so all of them are shown as `printable` text.

Rich is imported where it draws: a sidecar without a terminal does not spend its start and its memory on it.
"""

import json
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import typer
from edge_common.printable import printable
from edge_common.quantities import format_duration, format_size

from model_sync.planning.state import StoredFile

_HEADINGS = ("MODEL", "VERSION", "STATE", "SIZE", "LOCAL", "REASON")
_COLOURS = {
    "serving": "green",
    "rejected": "red",
    "held": "yellow",
    "waiting": "yellow",
    "previous": "bright_black",
    "retiring": "bright_black",
}


def show_status(document: Mapping[str, Any], *, as_json: bool) -> None:
    """The status document as a table, or as it is."""
    if as_json:
        sys.stdout.write(json.dumps(document) + "\n")
        return
    rows = [tuple(map(printable, row)) for row in _status_rows(document)]
    if rows:
        _write_rows(rows)
    else:
        sys.stdout.write("no models yet; upload one to <model>/<version>/\n")
    sys.stdout.writelines(f"{printable(note)}\n" for note in _status_notes(document))


def show_status_again(document: Mapping[str, Any], *, as_json: bool) -> None:
    """The same in place of what was shown before, on a terminal; below it, with the time, elsewhere."""
    if not as_json:
        sys.stdout.write("\x1b[H\x1b[2J" if sys.stdout.isatty() else f"{document.get('time')}\n")
    show_status(document, as_json=as_json)
    sys.stdout.flush()


def _write_rows(rows: Sequence[tuple[str, ...]]) -> None:
    """A line for each row; where that would be too long for the terminal, the reason below it, indented.

    Names are never cut.
    """
    terminal = sys.stdout.isatty()
    widths = [max(map(len, column)) for column in zip(_HEADINGS, *rows, strict=True)]
    across = shutil.get_terminal_size().columns if terminal else sum(widths) + 2 * len(widths)
    below = sum(widths) + 2 * (len(widths) - 1) > across
    for row in (_HEADINGS, *rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        if terminal:
            colour = None if row is _HEADINGS else _COLOURS.get(row[2].partition(" ")[0], "cyan")
            cells[2] = typer.style(cells[2], fg=colour, bold=row is _HEADINGS)
        line = "  ".join(cells[:-1] if below else cells).rstrip()
        sys.stdout.write(f"{line}\n")
        if below and row is not _HEADINGS and row[-1]:
            wrapped = textwrap.wrap(row[-1], max(across - 4, 20), break_on_hyphens=False)
            sys.stdout.writelines(f"    {part}\n" for part in wrapped)


def show_history(entries: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """A line for each change, oldest first."""
    if as_json:
        sys.stdout.write(json.dumps(entries) + "\n")
        return
    for entry in entries:
        what = " ".join(filter(None, [entry["event"].replace("_", " "), entry["model"], entry["version"]]))
        by = f" by {entry['by']}" if entry["by"] else ""
        reason = f": {entry['reason']}" if entry["reason"] else ""
        sys.stdout.write(f"{printable(entry['at'])}  {printable(f'{what}{by}{reason}')}\n")
    if not entries:
        sys.stdout.write("nothing has changed yet\n")


def _status_rows(document: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, model in document.get("models", {}).items():
        for version in model["versions"]:
            progress = f" {version['progress']:.0%}" if version["progress"] is not None else ""
            yield (
                name,
                version["source"],
                version["state"] + progress,
                format_size(version["bytes"]),
                str(version["local_version"] or ""),
                version["reason"],
            )


def _status_notes(document: Mapping[str, Any]) -> Iterator[str]:
    for side in ("store", "server"):
        asked = side == "server" or document.get("role") == "writer"  # a follower leaves the store alone
        if asked and document.get(side) and not document[side]["reachable"]:
            yield f"the {side} does not answer"
    if document.get("server", {}).get("busy_since"):
        yield f"the server is busy: it has not answered since {document['server']['busy_since']}"
    if document.get("store"):
        yield f"{document['instance']} reads {document['store']['endpoint']}/{document['store']['bucket']}"
    if document.get("cycle", {}).get("error"):
        yield document["cycle"]["error"]
    models = list(document.get("models", {}).values())
    for version in models[0]["versions"] if len(models) == 1 else ():  # where it is asked for one model
        if version.get("acceptance"):
            yield f"{version['source']} at its acceptance: {version['acceptance']['sentence']}"
    yield from (f"note: {notice}" for notice in document.get("notices", []))


def show_plans(plans: Mapping[str, Sequence[str]], *, as_json: bool) -> None:
    """What would be done for each model."""
    if as_json:
        sys.stdout.write(json.dumps(plans) + "\n")
        return
    lines = [printable(f"{model}: {step}") for model, steps in plans.items() for step in steps]
    sys.stdout.write("\n".join(lines or ["nothing to do"]) + "\n")


@contextmanager
def upload_progress(total: int) -> Iterator[Callable[[StoredFile], None]]:
    """A bar of uploaded bytes, on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda _file: None
        return
    from rich.console import Console  # noqa: PLC0415 - see above
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn  # noqa: PLC0415 - see above

    columns = ("uploading", BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=total)
        yield lambda file: progress.advance(task, file.size)


@contextmanager
def waiting_for(what: str) -> Iterator[Callable[[Mapping[str, Any] | None], None]]:
    """A line that shows the state while it is waited for, on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda _entry: None
        return
    from rich.console import Console  # noqa: PLC0415 - see above
    from rich.text import Text  # noqa: PLC0415 - see above

    with Console(stderr=True).status(Text(printable(f"waiting for {what}"))) as line:

        def show(entry: Mapping[str, Any] | None) -> None:
            seen = f"{entry['state']} {entry['reason']}" if entry is not None else "not seen yet"
            line.update(Text(printable(f"{what}: {seen}")))

        yield show


def pushed(result: Mapping[str, Any], status_url: str) -> str:
    """The closing lines of a push: what was done, and how to see what becomes of it."""
    served = result.get("served_after_s")
    after = f", served {format_duration(served)} after the last byte" if served is not None else ""
    step = f"next: {sys.argv[0]} status --status-url {status_url}\n" if served is None else ""
    version = printable(f"{result['model']} version {result['version']}")
    return f"{version}: {result['files']} files, {format_size(result['bytes'])} uploaded{after}\n{step}"
