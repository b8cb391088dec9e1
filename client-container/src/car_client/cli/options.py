"""The flags that several commands have; each overrides the variable of the same name."""

from pathlib import Path
from typing import Annotated

import typer

from car_client.settings import Protocol, Transport

ServerUrl = Annotated[str | None, typer.Option(help="Model server, such as http://localhost:8000.")]
SidecarUrl = Annotated[str | None, typer.Option(help="Sidecar with the model cards; `none` asks nobody.")]
Timeout = Annotated[str | None, typer.Option(help="Time limit of one request: 10, 500ms, 1m.")]
Models = Annotated[list[str] | None, typer.Option("--model", help="Only this model; may be repeated.")]
Speak = Annotated[Protocol | None, typer.Option(help="How inferences are asked for.")]
GrpcAddress = Annotated[str | None, typer.Option(help="host:port of the server's gRPC interface.")]
SendAs = Annotated[Transport | None, typer.Option(help="What to send for a picture.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Interval = Annotated[str | None, typer.Option(help="Pause between two looks: 1, 500ms.")]
Results = Annotated[str | None, typer.Option(help="Results as well to FILE.csv, FILE.jsonl or s3://...")]
SampleInterval = Annotated[str | None, typer.Option(help="Pause between two pictures of a stream: 1, 500ms.")]
TopK = Annotated[int | None, typer.Option(min=1, max=100, help="Classes to show; else what the card says.")]
Images = Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="JPEG, PNG, WebP, BMP or GIF files.")]
