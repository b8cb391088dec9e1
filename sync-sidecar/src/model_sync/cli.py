"""The command `model-sync`.

Each command imports what it needs when it runs, so that none waits for what others use.
"""
# ruff: noqa: PLC0415 - imports within commands are what the module is about

import json
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from edge_common.command_line import add_version_option, run_app
from edge_common.errors import FatalError, RejectedError, RetryableError
from edge_common.stopping import leave_now, stop_on_signals

from model_sync.bucket.keys import SIGNATURE_NAME
from model_sync.operate import HERE, Json, StatusUrl, add_operator_commands, settings_of_command

if TYPE_CHECKING:
    from model_sync.service import Sidecar

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Mirrors a bucket of models onto a volume and tells OpenVINO Model Server what to serve. "
    "Settings are MODEL_SYNC_* variables; the README lists them.",
)
add_version_option(app, "edgeai-cars-model-sync")

add_operator_commands(app)

Key = Annotated[Path | None, typer.Option(help="PEM file of the private key to sign with.")]
Certificates = Annotated[
    Path | None,
    typer.Option(help="PEM file: the key's certificate, then those between it and a trusted one."),
]
_WATCH_PAUSE = 1.0
"""Seconds between two looks at the status."""


def main() -> None:
    """Run a command; an expected error becomes one sentence and its exit code."""
    run_app(app, "model-sync")


@contextmanager
def _until_a_signal(sidecar: "Sidecar") -> Iterator[threading.Event]:
    """Let signals end what `sidecar` does, and close it, unless a slow store lets that take too long."""
    with stop_on_signals(sidecar.wakeup.stop) as stopped:
        try:
            yield stopped
        except Exception:  # not the end of the grace period, after which nothing may wait any more
            sidecar.close()
            raise
        sidecar.close()


@app.command()
def run() -> None:
    """Keep the volume and the model server in step with the bucket until SIGTERM.

    Example: MODEL_SYNC_S3_ENDPOINT=http://minio:9000 MODEL_SYNC_MODELS_DIR=/models model-sync run
    """
    from edge_common.logs import get_logger
    from edge_common.settings_source import redacted

    from model_sync.service import Sidecar

    settings = settings_of_command()
    get_logger().info("sidecar_started", settings=redacted(settings))
    sidecar = Sidecar(settings)
    with _until_a_signal(sidecar):
        sidecar.run()
    get_logger().info("sidecar_stopped")
    leave_now()


@app.command()
def once(
    as_json: Json = False,
    timeout: Annotated[float, typer.Option(help="Seconds after which to give up.")] = 600.0,
) -> None:
    """Bring everything in step once, then end; for cron jobs and pipelines.

    Exit code 0: all that can be served is; 65: something was rejected; 75: the store or the server is away.
    """
    from model_sync import console
    from model_sync.service import Sidecar

    sidecar = Sidecar(settings_of_command())
    with _until_a_signal(sidecar) as stopped:
        sidecar.ownership.take_over()
        sidecar.prepare_bucket()
        sidecar.converge(timeout)
    if stopped.is_set():
        raise RetryableError("stopped by a signal; what was done stays, run it again")
    document = sidecar.reporter.posted.document
    console.show_status(document, as_json=as_json)
    states = [v["state"] for model in document["models"].values() for v in model["versions"]]
    if not document["server"]["reachable"]:
        raise RetryableError("the volume is up to date, but the model server does not answer")
    if "rejected" in states:
        sys.exit(RejectedError.exit_code)


@app.command()
def plan(as_json: Json = False) -> None:
    """Show what would be done now; changes nothing.

    Uploads without SHA256SUMS count as quiet, because one look cannot tell how long they have been.
    """
    from model_sync import console
    from model_sync.service import Sidecar

    sidecar = Sidecar(settings_of_command({"settle": 0}), silent=True)
    try:
        console.show_plans(sidecar.preview(), as_json=as_json)
    finally:
        sidecar.close()


@app.command()
def status(
    model: Annotated[str, typer.Argument(help="Only this model.")] = "",
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Show it again whenever it changes.")] = False,
    as_json: Json = False,
    status_url: StatusUrl = HERE,
) -> None:
    """Show every model and version, its state, and the reason for it."""
    from model_sync import console
    from model_sync.upload.sidecar_status import read_status

    if not watch:
        console.show_status(_of_model(read_status(status_url), model), as_json=as_json)
        return
    with stop_on_signals() as stopped:
        shown: Mapping[str, Any] = {}
        while not stopped.is_set():
            document = _of_model(read_status(status_url), model)
            told = {key: value for key, value in document.items() if key not in {"time", "cycle"}}
            if told != shown:
                console.show_status_again(document, as_json=as_json)
            shown = told
            stopped.wait(_WATCH_PAUSE)


def _of_model(document: Mapping[str, Any], model: str) -> Mapping[str, Any]:
    """The same of one model, or as it is for none; raises RejectedError for one that nobody knows."""
    models = document.get("models", {})
    if not model:
        return document
    if model not in models:
        raise RejectedError(f"no model {model!r} is known; model-sync status lists all")
    return {**document, "models": {model: models[model]}}


@app.command()
def doctor(as_json: Json = False) -> None:
    """Look for the likely mistakes in settings, volume, store and server; exit code 78 when one FAILs.

    Run it where the sidecar runs, with the same settings.
    """
    from edge_common.findings import Level, show_findings

    from model_sync.doctor.checkup import examine

    findings = list(show_findings(examine(settings_of_command()), as_json=as_json))
    if any(finding.level is Level.FAIL for finding in findings):
        sys.exit(FatalError.exit_code)


@app.command()
def sign(
    folder: Annotated[Path, typer.Argument(help="Folder with the files of one version.")],
    *,
    key: Annotated[Path, typer.Option(help="PEM file of the private key, on the curve P-256 or P-384.")],
    certificates: Certificates = None,
) -> None:
    """Sign a version: write model.sig beside its files, in the OpenSSF Model Signing format.

    Example: model-sync sign build/my_model --key key.pem
    """
    from model_sync.upload.folder import sign_folder

    signer = sign_folder(folder, key, certificates)
    sys.stdout.write(f"signed by {signer}: {folder / SIGNATURE_NAME}; upload it with the other files\n")


@app.command()
def push(
    folder: Annotated[Path, typer.Argument(help="Folder with the files of one version.")],
    *,
    model: Annotated[str, typer.Option(help="The model's name.")],
    version: Annotated[str, typer.Option(help="A whole number, or latest.")],
    sign: Annotated[bool, typer.Option("--sign", help="Sign the folder first, with --key.")] = False,
    key: Key = None,
    certificates: Certificates = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is served, or rejected.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait.")] = 300.0,
    status_url: StatusUrl = HERE,
    as_json: Json = False,
) -> None:
    """Upload a version so that it is taken up whole: the files, model.sig if there is one, then SHA256SUMS.

    Example: model-sync push build/my_model --model my_model --version 2 --wait
    """
    from model_sync import console
    from model_sync.upload.folder import signed_folder
    from model_sync.upload.push import Destination
    from model_sync.upload.sidecar_status import ask_for_sync, wait_until_served

    settings = settings_of_command()
    if sign != (key is not None):
        raise RejectedError("--sign and --key go together; give both, or neither")
    upload = signed_folder(folder, model, version, key, certificates)
    destination = Destination(settings)
    with console.upload_progress(upload.size) as sent:
        uploaded_at = destination.send(upload, sent)
    ask_for_sync(status_url, destination.store, settings.sync_token.get_secret_value())
    facts = {"files": len(upload.files), "bytes": upload.size, "digest": upload.digest}
    result = {"model": model, "version": version, **facts, "uploaded_at": uploaded_at}
    if wait:
        with console.waiting_for(f"{model} version {version}") as show:
            upload_id = destination.upload_id(upload)
            store = destination.store
            for entry in wait_until_served(upload, upload_id, status_url, timeout, pushed_to=store):
                show(entry)
        result["served_after_s"] = round(time.time() - uploaded_at, 3)
    sys.stdout.write(json.dumps(result) + "\n" if as_json else console.pushed(result, status_url))
