"""What somebody watching the demonstration sees: a line for each step, and tables at the end."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from edge_common.quantities import format_duration
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table

from edge_stack.report.facts import DemoReport, StepFact, UploadFact


class Screen:
    """Shows the step that runs and, a line each, what came of those before it."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def running(self, claim: str) -> Iterator[None]:
        """Show that the step of `claim` runs, as long as the context lasts."""
        if self._console.is_terminal:
            with self._console.status(escape(claim)):
                yield
        else:
            self.say(f"....  {claim}")
            yield

    def show(self, step: StepFact) -> None:
        """What came of a step."""
        verdict = "held" if step.held else "FAIL"
        self.say(f"{verdict}  {step.claim}: {step.result} ({format_duration(step.seconds)})")

    def close(self, report: DemoReport) -> None:
        """Show the closing tables and the verdict over all."""
        self._console.print(steps_table(report.steps))
        if report.uploads:
            self._console.print(uploads_table(report.uploads))
        self.say(_load_words(report))
        failed = sum(not step.held for step in report.steps)
        verdict = "every claim held" if report.held else f"{failed} of {len(report.steps)} claims failed"
        self.say(f"{verdict} in {format_duration(report.seconds)}, with {report.store}")

    def say(self, line: str) -> None:
        """Show one line."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


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
