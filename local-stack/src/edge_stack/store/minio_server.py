"""A real MinIO: where its binary is, how it is started, and how it tells the sidecar about uploads.

It posts each change to the sidecar's `/v1/sync`. The sidecar also listens to MinIO's
ListenBucketNotification, but releases from November 2025 to at least February 2026, the one `make minio`
builds among them, open that stream and do not flush it: an event arrives only when later ones have filled
4 KiB (a regression of minio/minio#21651; measured on the February release).
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from edge_common.errors import FatalError, RetryableError
from minio import Minio
from minio.error import MinioException
from minio.notificationconfig import NotificationConfig, QueueConfig
from urllib3.exceptions import HTTPError

from edge_stack.processes.command import Command
from edge_stack.processes.ports import HOST, ReservedPort

ACCESS_KEY = "minioadmin"
SECRET_KEY = "minioadmin123"  # noqa: S105 - the documented default of a store that listens on this machine only
BUILT_BY_MAKE = Path(".local/bin/minio")
"""Where `make minio` puts the binary, under the folder of the checkout."""
_TARGET = "1"
_TELLS_WITHIN = 10.0
_CHANGES = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]


def find_minio(environment: Mapping[str, str] | None = None, checkout: Path | None = None) -> Path | None:
    """The MinIO binary: `MINIO_BIN`, `minio` in PATH, or what `make minio` built in `checkout`.

    Raises FatalError when `MINIO_BIN` is set but is not a program: a wrong setting is not passed over.
    """
    variables = os.environ if environment is None else environment
    if named := variables.get("MINIO_BIN"):
        if not os.access(named, os.X_OK) or Path(named).is_dir():
            raise FatalError(f"MINIO_BIN={named} is not a program; correct it or unset it")
        return Path(named)
    if found := shutil.which("minio", path=variables.get("PATH", "")):
        return Path(found)
    built = (checkout or Path.cwd()) / BUILT_BY_MAKE
    return built if os.access(built, os.X_OK) else None


def minio_version(binary: Path) -> str:
    """The release a binary says it is; raises FatalError when it cannot be run, as another processor's."""
    asking = [str(binary), "--version"]
    try:
        answer = subprocess.run(asking, capture_output=True, text=True, timeout=_TELLS_WITHIN, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        why = error.strerror if isinstance(error, OSError) else f"no answer in {_TELLS_WITHIN:g} s"
        raise FatalError(
            f"{binary} cannot be run: {why}; put one for this machine there (make minio), "
            "or use --store embedded"
        ) from error
    words = answer.stdout.splitlines()[0].split() if answer.stdout else []
    return words[2] if len(words) > 2 else "of unknown version"  # noqa: PLR2004 - "minio version RELEASE..."


def minio_command(
    binary: Path, *, data: Path, log: Path, api: ReservedPort, console: ReservedPort, webhook: str | None
) -> Command:
    """`minio server` over the folder `data`; it knows the address `webhook`, see `call_on_changes`."""
    return Command(
        name="store",
        argv=[
            *(binary, "server", "--address", f"{HOST}:{api.number}"),
            *("--console-address", f"{HOST}:{console.number}", "--certs-dir", data.parent / "certs", data),
        ],
        log=log,
        env={"MINIO_ROOT_USER": ACCESS_KEY, "MINIO_ROOT_PASSWORD": SECRET_KEY, "MINIO_UPDATE": "off"}
        | webhook_environment(webhook),
        ports=(api, console),
    )


def webhook_environment(url: str | None) -> dict[str, str]:
    """Variables that make MinIO know the webhook `url`; it is called only where `call_on_changes` says so."""
    if url is None:
        return {}
    return {
        f"MINIO_NOTIFY_WEBHOOK_ENABLE_{_TARGET}": "on",
        f"MINIO_NOTIFY_WEBHOOK_ENDPOINT_{_TARGET}": url,
    }


def call_on_changes(client: Minio, bucket: str) -> None:
    """From now on every change in `bucket` calls the webhook; raises RetryableError when that is refused."""
    queue = QueueConfig(queue=f"arn:minio:sqs::{_TARGET}:webhook", events=_CHANGES)
    _configure(client, bucket, NotificationConfig(queue_config_list=[queue]))


def call_no_more(client: Minio, bucket: str) -> None:
    """The opposite of `call_on_changes`; raises the same."""
    _configure(client, bucket, NotificationConfig())


def _configure(client: Minio, bucket: str, config: NotificationConfig) -> None:
    try:
        client.set_bucket_notification(bucket, config)
    except (MinioException, HTTPError) as error:
        raise RetryableError(f"the store does not take the events of {bucket}: {error}") from error
