"""The command `edge-stack`."""

import json
import shlex
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import psutil
import typer
from edge_common.command_line import add_version_option, run_app
from edge_common.errors import FatalError, RejectedError
from edge_common.printable import printable
from edge_common.stopping import raise_on_signals
from rich.console import Console
from rich.table import Table
from rich.text import Text

from edge_stack.background.health import ComponentHealth, Health, look_at
from edge_stack.background.record import StackRecord, read_record
from edge_stack.background.supervisor import NAME as SUPERVISOR
from edge_stack.background.up import COMPONENTS, bring_up, take_down
from edge_stack.components import ALL_ADDRESSES, StackFolder, program
from edge_stack.demo.own_model import OwnModel
from edge_stack.demo.scenario import DemoOptions, run_demo
from edge_stack.processes.command import log_tail
from edge_stack.processes.ports import HOST
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
    host: Annotated[
        str,
        typer.Option(help=f"Open the page, and only the page, on this address; {ALL_ADDRESSES}: on all."),
    ] = HOST,
    as_json: AsJson = False,
) -> None:
    """Start everything in the background and print the addresses; `down` ends it. May be repeated.

    What ends by itself is started again, after 1 s at first and 60 s at most; `status` tells.
    """
    record, started = bring_up(
        StackOptions(root=folder, store=store, page_host=host, default_ports=True), models
    )
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
    """Show how the four are, since when, how often they were started again, and where they are.

    Exit code 75 when one has ended or does not answer, or nobody would start it again.
    """
    record = _record(folder)
    found = look_at(record, time.time())
    if as_json:
        _print_json({"supervised": record.is_supervised(), **_document(record, found)})
    else:
        _show(found)
        if not record.is_supervised():
            typer.echo("nobody starts again what ends: run `edge-stack up`, which starts all anew")
        elif not record.ready:
            typer.echo("it is being started")
        if record.ready:
            typer.echo("\n".join(_directions(record, folder)))
    well = sum(component.health in (Health.READY, Health.ALIVE) for component in found)
    if well < len(COMPONENTS) or not record.is_supervised():
        raise typer.Exit(75)


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


def _directions(record: StackRecord, root: Path) -> Iterator[str]:
    """Lines to print after `up` and with `status`."""
    where = record.addresses
    yield f"page      {where['page']}  classify pictures, watch models come and change"
    if record.page_host != HOST:
        port = where["page"].rpartition(":")[2]
        others = ", ".join(f"http://{address}:{port}" for address in _addresses(record.page_host))
        yield f"          WARNING: open to others at {others}; the page has no sign-in: whoever reaches"
        yield "          it may classify and sees the recent pictures"
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


def _addresses(host: str) -> list[str]:
    """Where a page that listens on `host` is found from elsewhere."""
    if host != ALL_ADDRESSES:
        return [host]
    found = [entry for entries in psutil.net_if_addrs().values() for entry in entries]
    own = [entry.address for entry in found if entry.family == socket.AF_INET]
    return [address for address in own if not address.startswith("127.")] or [host]


def _document(record: StackRecord, found: Sequence[ComponentHealth] = ()) -> dict[str, object]:
    health = {component.name: asdict(component) for component in found}
    return {
        "store": record.store,
        "addresses": record.addresses,
        "processes": [
            {"name": process.name, "pid": process.pid, "running": process.runs()}
            | health.get(process.name, {})
            for process in record.processes
        ],
    }


def _show(found: Sequence[ComponentHealth]) -> None:
    table = Table("component", "health", "since", "restarts", "pid", "last trouble")
    for component in found:
        since = "" if component.uptime is None else str(timedelta(seconds=round(component.uptime)))
        cells = (component.name, component.health, since, str(component.restarts), str(component.pid))
        table.add_row(*cells, Text(printable(component.trouble)))
    Console().print(table)


def _print_json(document: dict[str, object]) -> None:
    typer.echo(json.dumps(document, indent=2))
