"""What somebody watching the demonstration sees: a live table on a terminal, plain lines elsewhere."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Self

from edge_common.quantities import format_duration
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table

from edge_stack.report.facts import DemoReport, StepFact, UploadFact


class Screen:
    """Shows the step that runs and the verdicts so far."""

    def __init__(self, console: Console) -> None:
        """`console` decides by itself whether it is a terminal."""
        self._console = console
        self._done: list[StepFact] = []
        self._live: Live | None = None

    @contextmanager
    def shown(self) -> Iterator[Self]:
        """Keep the live table on a terminal as long as the context lasts."""
        if not self._console.is_terminal:
            yield self
            return
        with Live(console=self._console, refresh_per_second=8, transient=True) as self._live:
            yield self
        self._live = None

    def begin(self, claim: str) -> None:
        """A step has begun."""
        if self._live is None:
            self._console.print(f"....  {claim}", markup=False, highlight=False, soft_wrap=True)
        else:
            self._live.update(Group(steps_table(self._done), Spinner("dots", text=escape(claim))))

    def end(self, step: StepFact) -> None:
        """A step has its verdict."""
        self._done.append(step)
        if self._live is None:
            verdict = "held" if step.held else "FAIL"
            line = f"{verdict}  {step.claim}: {step.result} ({format_duration(step.seconds)})"
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            self._live.update(steps_table(self._done))

    def close(self, report: DemoReport) -> None:
        """The closing tables and the verdict over all."""
        self._console.print(steps_table(report.steps))
        if report.uploads:
            self._console.print(uploads_table(report.uploads))
        self._console.print(_load_words(report), markup=False, highlight=False, soft_wrap=True)
        failed = sum(not step.held for step in report.steps)
        verdict = "every claim held" if report.held else f"{failed} of {len(report.steps)} claims failed"
        words = f"{verdict} in {format_duration(report.seconds)}, with {report.store}"
        self._console.print(words, markup=False, highlight=False, soft_wrap=True)


def steps_table(steps: Sequence[StepFact]) -> RenderableType:
    """Claims, what was measured, and verdicts."""
    table = Table("", "claim", "measured", "time", title_justify="left")
    for step in steps:
        verdict = "[green]held[/]" if step.held else "[bold red]FAIL[/]"
        table.add_row(verdict, escape(step.claim), escape(step.result), format_duration(step.seconds))
    return table


def uploads_table(uploads: Sequence[UploadFact]) -> RenderableType:
    """From the last byte of each upload to AVAILABLE."""
    table = Table("upload", "found by", "last byte to AVAILABLE", "promised")
    for upload in uploads:
        colour = "green" if upload.held else "bold red"
        table.add_row(
            escape(f"{upload.model} v{upload.version}"),
            upload.found_by,
            f"[{colour}]{upload.seconds:.2f} s[/]",
            upload.promise,
        )
    return table


def _load_words(report: DemoReport) -> str:
    load = report.load
    if load is None:
        return "no load was measured"
    return (
        f"load: {load.requests} requests by {load.threads} threads, {load.failures} failed, versions "
        f"{', '.join(map(str, load.versions))}, median {load.p50_ms:.1f} ms, 99 % within {load.p99_ms:.1f} ms"
    )
