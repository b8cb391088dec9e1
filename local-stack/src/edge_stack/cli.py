"""The command `edge-stack`."""

import shlex
import time
from pathlib import Path
from typing import Annotated

import typer
from edge_common.command_line import add_version_option, run_app
from edge_common.errors import FatalError, RejectedError
from edge_common.findings import Level, show_findings
from edge_common.stopping import raise_on_signals
from rich.console import Console

from edge_stack.background.health import Health, look_at
from edge_stack.background.record import StackRecord, read_record
from edge_stack.background.supervisor import NAME as SUPERVISOR
from edge_stack.background.up import COMPONENTS, bring_up, take_down
from edge_stack.components import ALL_ADDRESSES, StackFolder
from edge_stack.console import directions, document, print_json, show_health
from edge_stack.demo.own_model import OwnModel
from edge_stack.demo.scenario import DemoOptions, run_demo
from edge_stack.doctor import examine
from edge_stack.processes.command import log_tail
from edge_stack.processes.ports import HOST
from edge_stack.stack import StackOptions
from edge_stack.store.store import StoreKind

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Run the whole platform as processes of this machine: store, sidecar, model server, client.",
)
add_version_option(app, "edgeai-cars-stack")

Folder = Annotated[Path, typer.Option("--dir", help="State folder: data, volume, pictures, logs, addresses.")]
WhichStore = Annotated[
    StoreKind,
    typer.Option(help="auto: MinIO where it is found (MINIO_BIN, PATH, make minio), else an embedded S3."),
]
PageHost = Annotated[
    str, typer.Option(help=f"Open the page, and only the page, on this address; {ALL_ADDRESSES}: on all.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
_STACK = Path(".local/stack")


def main() -> None:
    """Run the command; expected errors end with one sentence and their exit code."""
    raise_on_signals()
    run_app(app, "edge-stack")


@app.command(epilog="Example: edge-stack up --store embedded --models models")
def up(
    *,
    folder: Folder = _STACK,
    store: WhichStore = StoreKind.AUTO,
    models: Annotated[
        Path | None,
        typer.Option(help="Upload what is in here, as NAME/VERSION/, and wait until it is served."),
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option(help="Play what is in here as a camera: a picture every 15 s.")
    ] = None,
    host: PageHost = HOST,
    as_json: AsJson = False,
) -> None:
    """Start everything in the background and print the addresses; `down` ends it. May be repeated.

    What ends by itself is started again, after 1 s at first and 60 s at most; `status` tells.
    """
    record, started = bring_up(
        StackOptions(root=folder, store=store, page_host=host, default_ports=True), models, pictures
    )
    if as_json:
        print_json({"started": started, **document(record)})
        return
    typer.echo("started" if started else "already running")
    typer.echo("\n".join(directions(record, folder)))


@app.command(epilog="Example: edge-stack down")
def down(folder: Folder = _STACK) -> None:
    """End exactly what `up` started; data and logs stay. May be repeated."""
    ended = take_down(folder)
    typer.echo(f"ended: {', '.join(ended)}" if ended else "nothing was running")


@app.command(epilog="Example: edge-stack status --json")
def status(folder: Folder = _STACK, as_json: AsJson = False) -> None:
    """Show how the four are, since when, how often they were started again, and where they are.

    Exit code 75 when one has ended or does not answer, or nobody would start it again.
    """
    record = _record(folder)
    found = look_at(record, time.time())
    if as_json:
        print_json({"supervised": record.is_supervised(), **document(record, found)})
    else:
        show_health(found)
        if not record.is_supervised():
            typer.echo("nobody starts again what ends: run `edge-stack up`, which starts all anew")
        elif not record.ready:
            typer.echo("it is being started")
        if record.ready:
            typer.echo("\n".join(directions(record, folder)))
    well = sum(component.health in (Health.READY, Health.ALIVE) for component in found)
    if well < len(COMPONENTS) or not record.is_supervised():
        raise typer.Exit(75)


@app.command(epilog="Example: edge-stack doctor --host 0.0.0.0")
def doctor(
    folder: Folder = _STACK,
    store: WhichStore = StoreKind.AUTO,
    host: PageHost = HOST,
    as_json: AsJson = False,
) -> None:
    """Look for what could keep `up` from working here, and at what runs; exit code 78 when one FAILs."""
    options = StackOptions(root=folder, store=store, page_host=host)
    findings = list(show_findings(examine(options, time.time()), as_json=as_json))
    if any(finding.level is Level.FAIL for finding in findings):
        raise typer.Exit(FatalError.exit_code)


@app.command(epilog="Example: edge-stack logs sidecar --lines 50")
def logs(
    component: Annotated[str, typer.Argument(help="store, sidecar, server, client or supervisor.")],
    folder: Folder = _STACK,
    lines: Annotated[int, typer.Option(min=1, max=1000, help="How many lines from the end.")] = 30,
) -> None:
    """Print the end of a component's log."""
    known = (*COMPONENTS, SUPERVISOR)
    if component not in known:
        raise RejectedError(f"there is no component {component!r}; choose one of {', '.join(known)}")
    log = StackFolder(folder).log(component)
    if not log.exists():
        raise FatalError(f"{component} has no log in {folder}; start it with `edge-stack up`")
    typer.echo(log_tail(log, lines))


@app.command(epilog="Example: edge-stack demo --store minio --out reports")
def demo(
    *,
    store: WhichStore = StoreKind.AUTO,
    out: Annotated[Path, typer.Option(help="Folder for demo-report.html and demo-report.json.")] = Path(),
    model: Annotated[
        Path | None,
        typer.Option(help="Your own model as well: a folder as in the bucket, or a file as import takes it."),
    ] = None,
    model_flags: Annotated[
        str, typer.Option(help="Further flags of `car-models import` for that file, in one string.")
    ] = "",
    patience: Annotated[
        float,
        typer.Option(min=1, help="At least so many times longer may things take; it is measured as well."),
    ] = 1.0,
    keep: Annotated[
        Path | None, typer.Option(help="New folder that keeps models, data and logs; else they are removed.")
    ] = None,
) -> None:
    """Show everything once and end it again; exit code 0 only if every claim held."""
    console = Console()
    own = OwnModel(model, tuple(shlex.split(model_flags))) if model is not None else None
    report, page = run_demo(DemoOptions(store=store, out=out, keep=keep, own=own, patience=patience), console)
    typer.echo(f"report: {page}")
    typer.echo("nothing is left running; `make up` opens the page with live models and prints its address")
    if not report.held:
        raise typer.Exit(1)


def _record(folder: Path) -> StackRecord:
    record = read_record(StackFolder(folder).record)
    if record is None:
        raise FatalError(f"no stack runs in {folder}; start one with `edge-stack up`")
    return record
