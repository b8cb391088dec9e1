"""The command `edge-stack`."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from edge_common.command_line import add_version_option, run_app
from edge_common.errors import FatalError, RejectedError
from edge_common.stopping import raise_on_signals
from rich.console import Console
from rich.table import Table

from edge_stack.background.record import StackRecord, read_record
from edge_stack.background.up import COMPONENTS, bring_up, take_down
from edge_stack.components import StackFolder, program
from edge_stack.demo.own_model import OwnModel
from edge_stack.demo.scenario import DemoOptions, run_demo
from edge_stack.processes.command import log_tail
from edge_stack.stack import StackOptions
from edge_stack.store.minio_server import ACCESS_KEY, SECRET_KEY
from edge_stack.store.store import BUCKET, StoreKind

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
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
_STACK = Path(".local/stack")
_NEEDED_TO_UPLOAD = ("MODEL_SYNC_S3_ENDPOINT", "MODEL_SYNC_S3_ACCESS_KEY", "MODEL_SYNC_S3_SECRET_KEY")


def main() -> None:
    """Run the command; expected errors end with one sentence and their exit code."""
    raise_on_signals()
    run_app(app, "edge-stack")


@app.command(epilog="Example: edge-stack up --store embedded --models models")
def up(
    folder: Folder = _STACK,
    store: WhichStore = StoreKind.AUTO,
    models: Annotated[
        Path | None,
        typer.Option(help="Upload what is in here, as NAME/VERSION/, and wait until it is served."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Start everything in the background and print the addresses; `down` ends it. May be repeated."""
    record, started = bring_up(StackOptions(root=folder, store=store, default_ports=True), models)
    if as_json:
        _print_json({"started": started, **_document(record)})
        return
    typer.echo("started" if started else "already running")
    typer.echo("\n".join(_directions(record, folder)))


@app.command(epilog="Example: edge-stack down")
def down(folder: Folder = _STACK) -> None:
    """End exactly what `up` started; data and logs stay. May be repeated."""
    ended = take_down(folder)
    typer.echo(f"ended: {', '.join(ended)}" if ended else "nothing was running")


@app.command(epilog="Example: edge-stack status --json")
def status(folder: Folder = _STACK, as_json: AsJson = False) -> None:
    """Show which components run, and where; exit code 75 when not all do."""
    record = _record(folder)
    if as_json:
        _print_json(_document(record))
    else:
        table = Table("component", "state", "pid", "log")
        for process in record.processes:
            state = "running" if process.runs() else "ended"
            table.add_row(process.name, state, str(process.pid), str(process.log))
        Console().print(table)
        typer.echo("\n".join(_directions(record, folder)))
    if len(record.running()) < len(COMPONENTS):
        raise typer.Exit(75)


@app.command(epilog="Example: edge-stack logs sidecar --lines 50")
def logs(
    component: Annotated[str, typer.Argument(help="store, sidecar, server or client.")],
    folder: Folder = _STACK,
    lines: Annotated[int, typer.Option(min=1, max=1000, help="How many lines from the end.")] = 30,
) -> None:
    """Print the end of a component's log."""
    if component not in COMPONENTS:
        raise RejectedError(f"there is no component {component!r}; choose one of {', '.join(COMPONENTS)}")
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
        typer.Option(min=1, help="So many times longer may an upload take where the machine has other work."),
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


def _directions(record: StackRecord, root: Path) -> Iterator[str]:
    """Lines to print after `up` and with `status`."""
    where = record.addresses
    yield f"page      {where['page']}  classify pictures, watch models come and change"
    yield f"store     {where['store']}  {record.store}"
    if "console" in where:
        yield f"console   {where['console']}  bucket {BUCKET}, sign in with {ACCESS_KEY} / {SECRET_KEY}"
    yield f"server    {where['server']}/v1/config"
    yield f"sidecar   {where['sidecar']}/v1/status"
    logs = f"{program('edge-stack')} logs client"
    yield f"pictures  {StackFolder(root).pictures}  what arrives there is classified: {logs}"
    settings = " ".join(f"{name}={record.environment[name]}" for name in _NEEDED_TO_UPLOAD)
    push = f"{program('model-sync')} push DIR --model NAME --version 1 --wait"
    yield f"upload    {settings} {push} --status-url {where['sidecar']}"
    urls = f"--server-url {where['server']} --sidecar-url {where['sidecar']}"
    yield f"classify  {program('car-client')} classify {urls} PICTURE"


def _document(record: StackRecord) -> dict[str, object]:
    return {
        "store": record.store,
        "addresses": record.addresses,
        "processes": [{"name": p.name, "pid": p.pid, "running": p.runs()} for p in record.processes],
    }


def _print_json(document: dict[str, object]) -> None:
    typer.echo(json.dumps(document, indent=2))
