"""What a `doctor` command found: one line each, with what to do about it."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum

import typer

from edge_common.printable import printable


class Level(StrEnum):
    """How bad a finding is: `WARN` can be lived with, with `FAIL` the program does not do its work."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


_COLOURS = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `advice` is empty when nothing needs to be done."""

    level: Level
    what: str
    seen: str
    advice: str = ""


def show_findings(findings: Iterator[Finding], *, as_json: bool) -> Iterator[Finding]:
    """Print each finding as it comes, in one line however long, and pass it on; or all as one document."""
    seen = []
    for finding in findings:
        seen.append(finding)
        if not as_json:
            level = typer.style(f"{finding.level:<4}", fg=_COLOURS[finding.level], bold=True)
            advice = f"; {finding.advice}" if finding.advice else ""
            typer.echo(f"{level} {printable(f'{finding.what}: {finding.seen}{advice}')}")
        yield finding
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in seen], indent=2))
