"""What the commands show: tables and progress on a terminal, JSON for scripts."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from edge_common.quantities import format_duration, format_size
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from model_sync.doctor.checkup import Finding
from model_sync.state import StoredFile

_COLOURS = {
    "serving": "green",
    "rejected": "red",
    "held": "yellow",
    "waiting": "yellow",
    "previous": "dim",
    "retiring": "dim",
}


def now() -> float:
    """Unix seconds."""
    return time.time()


def show_status(document: Mapping[str, Any], *, as_json: bool) -> None:
    """The status document as a table, or as it is."""
    if as_json:
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
        return
    console = Console()
    table = Table(box=None, header_style="bold")
    for heading in ("MODEL", "VERSION", "STATE", "SIZE", "LOCAL", "REASON"):
        table.add_column(heading)
    for name, model in document.get("models", {}).items():
        for version in model["versions"]:
            state = version["state"]
            progress = f" {version['progress']:.0%}" if version["progress"] is not None else ""
            table.add_row(
                escape(name),
                escape(version["source"]),
                f"[{_COLOURS.get(state, 'cyan')}]{state}{progress}[/]",
                format_size(version["bytes"]),
                str(version["local_version"] or ""),
                escape(version["reason"]),
            )
    console.print(table if table.row_count else "no models yet; upload one to <model>/<version>/")
    for side in ("store", "server"):
        asked = side == "server" or document.get("role") == "writer"  # a follower leaves the store alone
        if asked and document.get(side) and not document[side]["reachable"]:
            console.print(f"[red]the {side} does not answer[/]")
    if document.get("cycle", {}).get("error"):
        console.print(f"[red]{escape(document['cycle']['error'])}[/]")
    for notice in document.get("notices", []):
        console.print(f"[yellow]note: {escape(notice)}[/]")


def show_plans(plans: Mapping[str, Sequence[str]], *, as_json: bool) -> None:
    """What would be done for each model."""
    if as_json:
        sys.stdout.write(json.dumps(plans) + "\n")
        return
    lines = [f"{model}: {step}" for model, steps in plans.items() for step in steps]
    sys.stdout.write("\n".join(lines or ["nothing to do"]) + "\n")


def show_findings(findings: Iterator[Finding], *, as_json: bool) -> Iterator[Finding]:
    """Show each finding as it comes, and pass it on."""
    console = Console(highlight=False)
    seen = []
    for finding in findings:
        seen.append(finding)
        if not as_json:
            mark = "[green]well [/]" if finding.well else "[red]MEND [/]"
            console.print(f"{mark} {finding.what}: {escape(finding.seen)}")
            if finding.advice:
                console.print(f"       [bold]{escape(finding.advice)}[/]")
        yield finding
    if as_json:
        sys.stdout.write(json.dumps([vars(finding) for finding in seen]) + "\n")


@contextmanager
def upload_progress(total: int) -> Iterator[Callable[[StoredFile], None]]:
    """A bar of uploaded bytes, on a terminal only."""
    columns = (TextColumn("uploading"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("", total=total)
        yield lambda file: progress.advance(task, file.size)


@contextmanager
def waiting_for(what: str) -> Iterator[Callable[[Mapping[str, Any] | None], None]]:
    """A line that shows the state while it is waited for, on a terminal only."""
    console = Console(stderr=True)
    if not sys.stderr.isatty():
        yield lambda _entry: None
        return
    with console.status(f"waiting for {what}") as line:

        def show(entry: Mapping[str, Any] | None) -> None:
            seen = f"{entry['state']} {entry['reason']}" if entry is not None else "not seen yet"
            line.update(f"{what}: {seen}")

        yield show


def pushed(result: Mapping[str, Any]) -> str:
    """The closing line of a push."""
    served = result.get("served_after_s")
    after = f", served {format_duration(served)} after the last byte" if served is not None else ""
    return (
        f"{result['model']} version {result['version']}: "
        f"{result['files']} files, {format_size(result['bytes'])} uploaded{after}\n"
    )
