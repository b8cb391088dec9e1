"""What commands share: the flags that override settings, the log, and JSON on standard output."""

import inspect
import json
import sys
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Concatenate, ParamSpec

import typer
from edge_common.logs import LogLevel, configure_logging
from edge_common.pictures.decode import FORMATS_FOR_PEOPLE

from car_client.library_lines import logged_library_lines
from car_client.settings import Protocol, Settings, Transport, load_settings

Models = Annotated[list[str] | None, typer.Option("--model", help="Only this model; may be repeated.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
TopK = Annotated[int | None, typer.Option(min=1, max=100, help="Classes to show; else what the card says.")]
Images = Annotated[
    list[str],
    typer.Argument(metavar="IMAGE...", help=f"{FORMATS_FOR_PEOPLE}: files, folders, http addresses, or -."),
]

SERVER = ("server_url", "sidecar_url", "timeout")
INFERENCE = ("transport", "protocol", "grpc_address", *SERVER)
WATCH = ("models", "interval", "sample_interval", "results", "history", *INFERENCE)


def _text(help_: str, *names: str, metavar: str | None = None) -> Any:
    return Annotated[str | None, typer.Option(*names, help=help_, metavar=metavar)]


_SOURCES = "Folders, s3://BUCKET/PREFIX, rtsp://..., camera:0, video:FILE, urls:FILE; each is watched."
_FLAGS: Mapping[str, Any] = {
    "server_url": _text("Model server, such as http://localhost:8000."),
    "sidecar_url": _text("Sidecar with the model cards; `none` asks nobody."),
    "timeout": _text("Time limit of one request: 10, 500ms, 1m."),
    "models": Models,
    "protocol": Annotated[Protocol | None, typer.Option(help="How inferences are asked for.")],
    "grpc_address": _text("host:port of the server's gRPC interface."),
    "transport": Annotated[Transport | None, typer.Option(help="What to send for a picture.")],
    "interval": _text("Pause between two looks: 1, 500ms."),
    "results": _text("Results as well to FILE.csv, FILE.jsonl or s3://..."),
    "history": _text("Keep answers in this database, for page and `history`.", metavar="FILE"),
    "review": _text("Place of pictures in review: s3://BUCKET/PREFIX.", metavar="S3"),
    "sample_interval": _text("Pause between two pictures of a stream: 1, 500ms."),
    "source": Annotated[list[str] | None, typer.Argument(metavar="[SOURCE]...", help=_SOURCES)],
    "http_host": _text("Address to listen on.", "--host"),
    "http_port": Annotated[int | None, typer.Option("--port", help="Port of page and API; 0: a free one.")],
}
P = ParamSpec("P")


def with_settings(
    *flags: str, answers_on_terminal: bool = False
) -> Callable[[Callable[Concatenate[Settings, P], None]], Callable[..., None]]:
    """Call a command with the settings, and give it `flags`, which override the settings of their names.

    The log goes to standard error; only warnings of it when the command's answer goes to a terminal as well.
    """

    def decorate(command: Callable[Concatenate[Settings, P], None]) -> Callable[..., None]:
        def run(**arguments: Any) -> None:
            given = {name: arguments.pop(name) for name in flags}
            settings = load_settings(**{name: value for name, value in given.items() if value != []})
            quiet = answers_on_terminal and sys.stderr.isatty()
            level = settings.log_level or (LogLevel.WARNING if quiet else LogLevel.INFO)
            with logged_library_lines():
                configure_logging(settings.log_format, level)
                command(settings, **arguments)  # type: ignore[call-arg]  # typer makes them of the signature below

        _, *own = inspect.signature(command).parameters.values()
        named = inspect.Parameter.KEYWORD_ONLY
        added = [inspect.Parameter(flag, named, default=None, annotation=_FLAGS[flag]) for flag in flags]
        run.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]  # as inspect documents
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *added)}
        run.__name__, run.__doc__ = command.__name__, command.__doc__
        return run

    return decorate


def print_json(document: Mapping[str, object]) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def print_json_line(document: Mapping[str, object]) -> None:
    """One JSON object as one line on standard output, at once."""
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()
