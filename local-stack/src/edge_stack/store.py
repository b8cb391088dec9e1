"""The S3 store of the local stack: a real MinIO when there is one, else moto's server from PyPI."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import urllib3
from edge_common.errors import FatalError, RetryableError
from minio import Minio
from minio.deleteobjects import DeleteObject
from minio.error import MinioException

from edge_stack.command import Command
from edge_stack.ports import HOST, ReservedPort
from edge_stack.processes import Processes, RunningProcess
from edge_stack.store_events import webhook_environment
from edge_stack.waiting import Probe

ACCESS_KEY = "minioadmin"
SECRET_KEY = "minioadmin123"  # noqa: S105 - the documented default of a store that listens on this machine only
BUCKET = "ml-models"
MINIO_FROM_MAKE = Path(".local/bin/minio")
"""Where `make minio` puts the binary, under the folder of the checkout."""

_READY_WITHIN_SECONDS = 30.0


class StoreKind(StrEnum):
    """Which store to start; `auto` is `minio` where its binary is found, else `embedded`."""

    AUTO = "auto"
    MINIO = "minio"
    EMBEDDED = "embedded"


def find_minio(environment: dict[str, str] | None = None, checkout: Path | None = None) -> Path | None:
    """The MinIO binary: `MINIO_BIN`, `minio` in PATH, or what `make minio` built in `checkout`.

    Raises FatalError when `MINIO_BIN` is set but is not a program: a wrong setting is not passed over.
    """
    variables = dict(os.environ) if environment is None else environment
    if named := variables.get("MINIO_BIN"):
        if not os.access(named, os.X_OK) or Path(named).is_dir():
            raise FatalError(f"MINIO_BIN={named} is not a program; correct it or unset it")
        return Path(named)
    if found := shutil.which("minio", path=variables.get("PATH", "")):
        return Path(found)
    built = (checkout or Path.cwd()) / MINIO_FROM_MAKE
    return built if os.access(built, os.X_OK) else None


@dataclass(frozen=True, kw_only=True)
class Store:
    """A store that answers S3 requests; nothing is created in it."""

    kind: StoreKind
    description: str
    """For people: which store this is, and its version."""
    endpoint: str
    console: str | None
    """Address of MinIO's web console."""
    process: RunningProcess

    @property
    def sends_events(self) -> bool:
        """Whether it can tell the sidecar about uploads at once; moto's server cannot."""
        return self.kind is StoreKind.MINIO

    def client(self) -> Minio:
        """A client that asks once: whoever waits for the store repeats by himself."""
        return _client(self.endpoint)

    def remove_model(self, model: str, bucket: str = BUCKET) -> int:
        """Remove every object of a model, as a person with the web console would; returns how many.

        Raises RetryableError when the store does not remove one of them.
        """
        client = self.client()
        names = [
            entry.object_name or ""
            for entry in client.list_objects(bucket, prefix=f"{model}/", recursive=True)
        ]
        for failure in client.remove_objects(bucket, [DeleteObject(name) for name in names]):
            raise RetryableError(f"the store did not remove {failure.name}: {failure.message}")
        return len(names)


def start_store(
    processes: Processes,
    kind: StoreKind,
    *,
    data: Path,
    logs: Path,
    ports: Callable[[int], ReservedPort],
    webhook: str | None = None,
) -> Store:
    """Start a store that keeps its objects in `data` and wait until it answers S3 requests.

    `ports` reserves a port, given the preferred number. `webhook` is the address that MinIO knows for events
    (`edge_stack.store_events`). Raises FatalError when `minio` is asked for and there is none, or the store
    ends at once; RetryableError when it does not answer within 30 s.
    """
    binary = None if kind is StoreKind.EMBEDDED else find_minio()
    if binary is None and kind is StoreKind.MINIO:
        raise FatalError(
            "there is no MinIO binary: set MINIO_BIN, put `minio` in PATH, or run `make minio` (needs Go); "
            "`--store embedded` does without"
        )
    log = logs / "store.log"
    if binary is None:
        store = _start_embedded(processes, log, ports)
    else:
        events = webhook_environment(webhook)
        store = _start_minio(processes, binary, data=data, log=log, ports=ports, events=events)
    store.process.wait_ready(_lists_buckets(store.client()), within=_READY_WITHIN_SECONDS)
    return store


def _start_minio(
    processes: Processes,
    binary: Path,
    *,
    data: Path,
    log: Path,
    ports: Callable[[int], ReservedPort],
    events: Mapping[str, str],
) -> Store:
    api, console = ports(9000), ports(9001)
    data.mkdir(parents=True, exist_ok=True)
    address, console_address = f"{HOST}:{api.number}", f"{HOST}:{console.number}"
    process = processes.start(
        Command(
            name="store",
            argv=[
                *(binary, "server", "--address", address, "--console-address", console_address),
                *("--certs-dir", data.parent / "certs", data),
            ],
            log=log,
            env={
                "MINIO_ROOT_USER": ACCESS_KEY,
                "MINIO_ROOT_PASSWORD": SECRET_KEY,
                "MINIO_UPDATE": "off",
                **events,
            },
            ports=(api, console),
        )
    )
    return Store(
        kind=StoreKind.MINIO,
        description=f"MinIO {_minio_version(binary)} ({binary})",
        endpoint=f"http://{address}",
        console=f"http://{console_address}",
        process=process,
    )


def _start_embedded(processes: Processes, log: Path, ports: Callable[[int], ReservedPort]) -> Store:
    port = ports(9000)
    process = processes.start(
        Command(
            name="store",
            argv=[sys.executable, "-m", "moto.server", "-H", HOST, "-p", str(port.number)],
            log=log,
            ports=(port,),
        )
    )
    return Store(
        kind=StoreKind.EMBEDDED,
        description="embedded S3 (moto; in memory, no events, any key is accepted)",
        endpoint=f"http://{HOST}:{port.number}",
        console=None,
        process=process,
    )


def _client(endpoint: str) -> Minio:
    once = urllib3.PoolManager(retries=urllib3.Retry(0), timeout=urllib3.Timeout(connect=2, read=10))
    host = endpoint.removeprefix("http://")
    return Minio(host, access_key=ACCESS_KEY, secret_key=SECRET_KEY, secure=False, http_client=once)


def _lists_buckets(client: Minio) -> Probe:
    def look() -> str | None:
        try:
            client.list_buckets()
        except (MinioException, urllib3.exceptions.HTTPError) as error:
            return f"it cannot list buckets yet ({type(error).__name__})"
        return None

    return look


def _minio_version(binary: Path) -> str:
    answer = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=10, check=False)
    words = answer.stdout.splitlines()[0].split() if answer.stdout else []
    return words[2] if len(words) > 2 else "of unknown version"  # noqa: PLR2004 - "minio version RELEASE..."
