"""What a person sees: bars and tables on a terminal, plain tab-separated lines in a pipe."""

from collections.abc import Iterable, Mapping

from edge_common.printable import printable
from edge_common.quantities import format_duration
from edge_common.served_state import VersionState
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from car_client.models.served_model import ModelTable
from car_client.pipeline.classifier import Classification
from car_client.pipeline.scores import NOT_SURE
from car_client.pipeline.throughput import Throughput

_BAR_CELLS = 30


def show_classification(console: Console, result: Classification) -> None:
    """Bars on a terminal; elsewhere one line of `image, model/version, label, probability`."""
    if console.is_terminal:
        _show_bars(console, result)
    else:
        best = result.verdict.predictions[0]
        fields = (result.picture, f"{result.model}/{result.version}", result.verdict.top1)
        _write_fields(console, (*fields, f"{best.probability:.4f}"))


def _show_bars(console: Console, result: Classification) -> None:
    took = format_duration(result.latency_seconds)
    console.print(
        f"[bold]{_text(result.picture)}[/]  {_text(result.model)}/{result.version}  [dim]{took}[/]",
        highlight=False,
    )
    if not result.verdict.sure:
        console.print(f"  [yellow]{NOT_SURE}[/]; the best guesses are", highlight=False)
    grid = Table.grid(padding=(0, 1))
    grid.add_column(justify="right", max_width=40)
    grid.add_column()
    grid.add_column(justify="right")
    for position, prediction in enumerate(result.verdict.predictions):
        bar = "█" * round(prediction.probability * _BAR_CELLS)
        style = "green" if position == 0 and result.verdict.sure else "cyan"
        grid.add_row(f"  {_text(prediction.label)}", f"[{style}]{bar}[/]", f"{prediction.probability:.1%}")
    console.print(grid)


def show_models(console: Console, server_url: str, table: ModelTable) -> None:
    """A row for each version the server knows, then what is to be known about the models."""
    if not table.states:
        console.print(f"The server at {_text(server_url)} has no models.", highlight=False, soft_wrap=True)
        return
    rows = [row for name in sorted(table.states) for row in _rows(name, table.states[name], table)]
    _show_table(console, ("model", "version", "state", "input", "preprocessing", "labels"), rows)
    for name, reason in sorted(table.unusable.items()):
        console.print(f"[red]{_text(name)}[/]: {_text(reason)}", highlight=False, soft_wrap=True)
    for name, model in sorted(table.usable.items()):
        for warning in model.warnings:
            console.print(f"[yellow]{_text(name)}[/]: {_text(warning)}", highlight=False, soft_wrap=True)


def show_throughput(console: Console, rates: Iterable[Throughput]) -> None:
    """A row a model: both rates, their ratio, and how long one picture took."""
    rows = [
        (
            f"{rate.model}/{rate.version}",
            f"{rate.pipeline.per_second:.1f}",
            f"{rate.server.per_second:.1f}",
            f"{rate.ratio:.2f}",
            f"{rate.pipeline.median * 1000:.1f}",
            f"{rate.pipeline.p95 * 1000:.1f}",
        )
        for rate in rates
    ]
    _show_table(console, ("model", "pictures/s", "server alone", "ratio", "median ms", "p95 ms"), rows)


def show_history(console: Console, rows: Iterable[tuple[str, ...]]) -> None:
    """A row for each answer that was kept."""
    headings = ("time", "source", "picture", "model", "label", "probability", "latency ms")
    _show_table(console, headings, rows)


def _text(text: str) -> str:
    """`text` of strangers: neither markup nor a command to the terminal."""
    return escape(printable(text))


def _write_fields(console: Console, fields: Iterable[str]) -> None:
    """One line for scripts; past rich, which would turn the tabs into blanks."""
    console.file.write("\t".join(map(printable, fields)) + "\n")


def _show_table(console: Console, headings: Iterable[str], rows: Iterable[tuple[str, ...]]) -> None:
    """A table with headings on a terminal; elsewhere the rows alone."""
    if not console.is_terminal:
        for row in rows:
            _write_fields(console, row)
        return
    grid = Table()
    for heading in headings:
        grid.add_column(heading, overflow="fold")
    for row in rows:
        grid.add_row(*(_text(cell) for cell in row))
    console.print(grid)


def _rows(name: str, versions: Mapping[int, VersionState], table: ModelTable) -> Iterable[tuple[str, ...]]:
    """Versions that ended are left out, unless there is nothing else to say of the model."""
    alive = {number: state for number, state in versions.items() if state is not VersionState.END}
    model = table.usable.get(name)
    if not versions:
        yield (name, "-", "no versions", "", "", "")
    for number, state in sorted((alive or versions).items()):
        if model is not None and number == model.version:
            labels = str(len(model.labels)) if model.labels is not None else "none"
            yield (name, str(number), state, str(model.input), str(model.source), labels)
        else:
            yield (name, str(number), state, "", "", "")
