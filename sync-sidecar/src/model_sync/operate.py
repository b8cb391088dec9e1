"""The operator's commands: one step back, holding a version, trying again, history, facts of a version."""
# ruff: noqa: PLC0415 - see `cli`

import getpass
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

import typer
from edge_common.errors import FatalError, RejectedError
from edge_common.printable import printable

if TYPE_CHECKING:
    from model_sync.bucket.pins import Pin
    from model_sync.settings import Settings
    from model_sync.upload.pins import Pins

Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
StatusUrl = Annotated[str, typer.Option(help="Address of the sidecar.", envvar="MODEL_SYNC_STATUS_URL")]
Model = Annotated[str, typer.Argument(help="The model's name.")]
Reason = Annotated[str, typer.Option(help="Why, for the status and the history.")]
By = Annotated[str, typer.Option(help="Who does it; your login name unless given.", show_default=False)]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the sidecar has followed.")]
Timeout = Annotated[float, typer.Option(help="Seconds to wait.")]
HERE = "http://localhost:8081"


def settings_of_command(overrides: dict[str, Any] | None = None) -> "Settings":
    """The settings of the surroundings, with logs as they say; raises FatalError that names what is wrong."""
    from edge_common.logs import configure_logging

    from model_sync.settings import read_settings

    settings = read_settings(os.environ, overrides)
    configure_logging(settings.log_format, settings.log_level)
    return settings


def add_operator_commands(app: typer.Typer) -> None:
    """Give `app` the commands of this module."""
    for command in (rollback, pin, unpin, retry, release, history, facts, judge):
        app.command()(command)


def rollback(
    model: Model,
    *,
    to: Annotated[str, typer.Option(help="The version to go back to; else the one before.")] = "",
    reason: Reason = "",
    by: By = "",
    wait: Wait = True,
    timeout: Timeout = 60.0,
    status_url: StatusUrl = HERE,
    as_json: Json = False,
) -> None:
    """Have the version before answer again, and stay: it is pinned until `model-sync unpin`.

    Example: model-sync rollback cars --reason "2 sees cars everywhere"
    """
    from model_sync.upload.pins import version_before
    from model_sync.upload.sidecar_status import read_status

    to = to or version_before(read_status(status_url), model)
    pin(model, to, reason=reason, by=by, wait=wait, timeout=timeout, status_url=status_url, as_json=as_json)


def pin(
    model: Model,
    version: Annotated[str, typer.Argument(help="The version that is to answer.")],
    *,
    reason: Reason = "",
    by: By = "",
    wait: Wait = True,
    timeout: Timeout = 60.0,
    status_url: StatusUrl = HERE,
    as_json: Json = False,
) -> None:
    """Have one version answer whatever is uploaded, until `model-sync unpin`.

    Exit code 65: the version is not there, or rejected, and what serves stays; 75: it takes longer than that.
    """
    from model_sync.bucket.pins import pin_from_mapping
    from model_sync.upload.pins import Pins

    at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    wanted = pin_from_mapping({"version": version, "reason": reason, "by": _who(by), "at": at})
    settings = settings_of_command()
    pins = Pins(settings)
    pins.write(model, wanted)
    _follow(pins, model, wanted, timeout if wait else 0.0, status_url, settings=settings)
    said = f"{model} is pinned to {version}" + ("; it answers" if wait and timeout else "")
    _say({"model": model, "pin": vars(wanted)}, said, as_json=as_json)


def unpin(
    model: Model,
    *,
    reason: Annotated[str, typer.Option(help="Why, for the history; needs MODEL_SYNC_API_TOKEN.")] = "",
    by: By = "",
    wait: Wait = True,
    timeout: Timeout = 60.0,
    status_url: StatusUrl = HERE,
    as_json: Json = False,
) -> None:
    """Let the newest version that can be served answer again.

    With MODEL_SYNC_API_TOKEN the sidecar is asked, and its history tells who did; else the object is removed.
    """
    from model_sync.upload.pins import Pins
    from model_sync.upload.sidecar_status import ask_sidecar

    settings = settings_of_command()
    pins = Pins(settings)
    token = settings.api_token.get_secret_value()
    if token:
        body = {"by": _who(by)} | ({"reason": reason} if reason else {})
        ask_sidecar(status_url, "DELETE", f"/v1/models/{model}/pin", body, token=token)
    removed = bool(token) or pins.remove(model)
    _follow(pins, model, None, timeout if wait else 0.0, status_url, settings=settings)
    said = f"{model} is no longer pinned" if removed else f"{model} was not pinned"
    if reason and not token:
        said += "; the reason is not kept, as MODEL_SYNC_API_TOKEN is not set"
    _say({"model": model, "pin": None, "removed": removed}, said, as_json=as_json)


def retry(
    model: Model,
    version: Annotated[str, typer.Argument(help="The rejected version.")],
    *,
    by: By = "",
    status_url: StatusUrl = HERE,
    as_json: Json = False,
) -> None:
    """Try a rejected version again now; needs MODEL_SYNC_API_TOKEN here and at the sidecar."""
    _change(f"/v1/models/{model}/retry", {"version": version, "by": _who(by)}, status_url, as_json=as_json)


def release(
    model: Annotated[str, typer.Argument(help="Only this model.")] = "",
    *,
    by: By = "",
    status_url: StatusUrl = HERE,
    as_json: Json = False,
) -> None:
    """Believe what is missing in the bucket now, without grace or hold; needs MODEL_SYNC_API_TOKEN."""
    body = {"by": _who(by)} | ({"model": model} if model else {})
    _change("/v1/release", body, status_url, as_json=as_json)


def history(
    model: Annotated[str, typer.Argument(help="Only this model.")] = "",
    *,
    limit: Annotated[int, typer.Option(help="At most so many changes.", min=1, max=500)] = 50,
    status_url: StatusUrl = HERE,
    as_json: Json = False,
) -> None:
    """Show what changed when, and who asked for it; the newest last."""
    from model_sync import console
    from model_sync.upload.sidecar_status import ask_sidecar

    query = urlencode({"limit": limit} | ({"model": model} if model else {}))
    entries = ask_sidecar(status_url, "GET", f"/v1/history?{query}").get("entries", [])[::-1]
    console.show_history(entries, as_json=as_json)


def facts(
    model: Model,
    *,
    version: Annotated[str, typer.Option(help="The bucket's version; else the highest that serves.")] = "",
    status_url: StatusUrl = HERE,
) -> None:
    """Print what is known of a version as a bill of materials: CycloneDX 1.6 JSON.

    Digest, card, signer, acceptance and origin. Example: model-sync facts cars > cars.cdx.json
    """
    from model_sync.upload.facts import bill_of_materials, chosen_version
    from model_sync.upload.sidecar_status import ask_sidecar, read_status

    status = read_status(status_url)
    row = chosen_version(status, model, version)
    try:
        card = ask_sidecar(status_url, "GET", f"/v1/models/{model}/card?version={row['local_version']}")
    except RejectedError:  # it has none
        card = None
    sys.stdout.write(json.dumps(bill_of_materials(status, model, row, card), indent=2) + "\n")


def judge(
    file: Annotated[Path, typer.Argument(help="A .model-sync/watches/MODEL.jsonl of the volume, or a copy.")],
    *,
    as_json: Json = False,
) -> None:
    """Show what follows from the record of a watch: exit code 65 for a version that is clearly worse."""
    from model_sync.swap_watch import judgement
    from model_sync.swap_watch.observations import MAX_BYTES, record_from_lines

    try:
        with file.open("rb") as content:
            record = record_from_lines(content.read(MAX_BYTES + 1))
    except (OSError, ValueError) as error:
        raise RejectedError(f"{file} is no record of a watch: {str(error)[:300]}") from error
    verdict = judgement.judge(record)
    of = {"model": record.watch.model, "version": record.watch.version, "before": record.watch.before}
    said = {"verdict": type(verdict).__name__.lower(), "reason": verdict.sentence}
    _say({**of, **said}, "{model} {version}: {verdict}: {reason}".format(**of, **said), as_json=as_json)
    if isinstance(verdict, judgement.Breach):
        sys.exit(RejectedError.exit_code)


def _follow(
    pins: "Pins", model: str, wanted: "Pin | None", timeout: float, status_url: str, *, settings: "Settings"
) -> None:
    from model_sync import console
    from model_sync.upload.pins import wait_until_pinned
    from model_sync.upload.sidecar_status import ask_for_sync

    ask_for_sync(status_url, pins.store, settings.sync_token.get_secret_value())
    if timeout:
        with console.waiting_for(model) as show:
            for seen in wait_until_pinned(model, wanted, status_url, timeout, written_to=pins.store):
                show({"state": "pinned", "reason": seen["sentence"]} if seen else None)


def _change(path: str, body: dict[str, str], status_url: str, *, as_json: bool) -> None:
    from model_sync.upload.sidecar_status import ask_sidecar

    token = settings_of_command().api_token.get_secret_value()
    told = ask_sidecar(status_url, "POST", path, body, token=token)
    _say(told, str(told.get("status", "")), as_json=as_json)


def _who(by: str) -> str:
    try:
        return by or getpass.getuser()
    except (KeyError, OSError) as error:
        raise FatalError("your login name is unknown here; say who does it with --by") from error


def _say(told: Any, sentence: str, *, as_json: bool) -> None:
    sys.stdout.write(json.dumps(told) + "\n" if as_json else f"{printable(sentence)}\n")
