"""What the commands print: where things are, how the components are, what was found."""

import json
import shlex
import socket
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import psutil
import typer
from edge_common.printable import printable
from rich.console import Console
from rich.table import Table
from rich.text import Text

from edge_stack.background.health import ComponentHealth
from edge_stack.background.record import StackRecord
from edge_stack.components import ALL_ADDRESSES, StackFolder, program
from edge_stack.processes.ports import HOST
from edge_stack.store.minio_server import ACCESS_KEY, SECRET_KEY
from edge_stack.store.store import BUCKET

_NEEDED_TO_UPLOAD = ("MODEL_SYNC_S3_ENDPOINT", "MODEL_SYNC_S3_ACCESS_KEY", "MODEL_SYNC_S3_SECRET_KEY")


def directions(record: StackRecord, root: Path) -> Iterator[str]:
    """Lines to print after `up` and with `status`."""
    where = record.addresses
    yield f"page      {where['page']}  classify pictures, watch models come and change"
    if record.page_host != HOST:
        port = where["page"].rpartition(":")[2]
        others = ", ".join(f"http://{address}:{port}" for address in _addresses(record.page_host))
        yield f"          WARNING: open to others at {others}; the page has no sign-in: whoever reaches"
        yield "          it may classify, sees pictures and history; what changes something needs the token"
    if "MODEL_SYNC_API_TOKEN_FILE" in record.environment:
        token = shlex.quote(record.environment["MODEL_SYNC_API_TOKEN_FILE"])
        yield f"token     cat {token}  the page asks for it before it pins, tries again or lists"
    yield f"store     {where['store']}  {record.store}"
    if "console" in where:
        yield f"console   {where['console']}  bucket {BUCKET}, sign in with {ACCESS_KEY} / {SECRET_KEY}"
    grpc = f"  gRPC {where['grpc']}, metrics {where['server']}/metrics" if "grpc" in where else ""
    yield f"server    {where['server']}/v1/config{grpc}"
    yield f"sidecar   {where['sidecar']}/v1/status"
    logs = f"{program('edge-stack')} logs client"
    yield f"pictures  {StackFolder(root).pictures}  what arrives there is classified: {logs}"
    yield f"history   {program('car-client')} history --file {StackFolder(root).history}"
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


def document(record: StackRecord, found: Sequence[ComponentHealth] = ()) -> dict[str, object]:
    """The same as one JSON object; `found` adds how each component is."""
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


def show_health(found: Sequence[ComponentHealth]) -> None:
    """A table with a row for each component."""
    table = Table("component", "health", "since", "restarts", "pid", "last trouble")
    for component in found:
        since = "" if component.uptime is None else str(timedelta(seconds=round(component.uptime)))
        cells = (component.name, component.health, since, str(component.restarts), str(component.pid))
        table.add_row(*cells, Text(printable(component.trouble)))
    Console().print(table)


def print_json(content: object) -> None:
    """Print one JSON document."""
    typer.echo(json.dumps(content, indent=2))
