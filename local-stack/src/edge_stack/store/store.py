"""The store that the stack starts: which one, how to reach it, and when it is ready."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import urllib3
from edge_common.errors import FatalError, RetryableError
from minio import Minio
from minio.deleteobjects import DeleteObject
from minio.error import MinioException

from edge_stack.processes.command import GIVES_BACK, Command
from edge_stack.processes.ports import HOST, ReservedPort
from edge_stack.processes.running import Processes, RunningProcess
from edge_stack.store.minio_server import ACCESS_KEY, SECRET_KEY, find_minio, minio_command, minio_version

BUCKET = "ml-models"
PICTURES_BUCKET = "pictures"
"""Where the client puts pictures that a person is to look at."""
API_PORT, CONSOLE_PORT = 9000, 9001
"""What it listens on where these are free."""
_READY_WITHIN_SECONDS = 30.0


class StoreKind(StrEnum):
    """Which store to start; `auto` is `minio` where its binary is found, else `embedded`."""

    AUTO = "auto"
    MINIO = "minio"
    EMBEDDED = "embedded"


@dataclass(frozen=True, kw_only=True)
class Store:
    """A store that answers S3 requests."""

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
        once = urllib3.PoolManager(retries=urllib3.Retry(0), timeout=urllib3.Timeout(connect=2, read=10))
        host = self.endpoint.removeprefix("http://")
        return Minio(host, access_key=ACCESS_KEY, secret_key=SECRET_KEY, secure=False, http_client=once)

    def has_all(self, folder: Path, prefix: str, bucket: str = BUCKET) -> bool:
        """Whether every file of `folder` is below `prefix` in the bucket, whatever it holds.

        Raises RetryableError when the store does not answer.
        """
        try:
            listed = self.client().list_objects(bucket, prefix=prefix, recursive=True)
            there = {(entry.object_name or "").removeprefix(prefix) for entry in listed}
        except (MinioException, urllib3.exceptions.HTTPError) as error:
            raise RetryableError(f"the store does not list {bucket}/{prefix}: {error}; try again") from error
        files = (file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
        return there.issuperset(files)

    def remove_model(self, model: str, bucket: str = BUCKET) -> int:
        """Remove every object of a model, as a person with the web console would; returns how many.

        Raises RetryableError when the store does not remove one of them.
        """
        client = self.client()
        listed = client.list_objects(bucket, prefix=f"{model}/", recursive=True)
        names = [entry.object_name or "" for entry in listed]
        for failure in client.remove_objects(bucket, [DeleteObject(name) for name in names]):
            raise RetryableError(f"the store did not remove {failure.name}: {failure.message}")
        return len(names)

    def make_bucket(self, bucket: str) -> None:
        """Make it unless it is there; raises RetryableError when the store does not."""
        client = self.client()
        try:
            if not client.bucket_exists(bucket):
                client.make_bucket(bucket)
        except (MinioException, urllib3.exceptions.HTTPError) as error:
            raise RetryableError(f"the store has no bucket {bucket}: {error}; try again") from error

    def wait_ready(self) -> None:
        """Wait until it lists buckets; raises FatalError when it ends, RetryableError after 30 s."""
        client = self.client()

        def look() -> str | None:
            try:
                client.list_buckets()
            except (MinioException, urllib3.exceptions.HTTPError) as error:
                return f"it cannot list buckets yet ({type(error).__name__})"
            return None

        self.process.wait_ready(look, within=_READY_WITHIN_SECONDS)


def start_store(
    processes: Processes,
    kind: StoreKind,
    *,
    data: Path,
    logs: Path,
    ports: Callable[[int], ReservedPort],
    webhook: str | None = None,
) -> Store:
    """Start a store and wait until it answers S3 requests.

    MinIO keeps its objects in `data`, the embedded store in a file of the folder `data`-embedded.
    `ports` reserves a port, given the preferred number. `webhook` is the address that MinIO knows for events.
    Raises FatalError when `minio` is asked for and there is none, or the store ends at once; RetryableError
    when it does not answer within 30 s.
    """
    binary = None if kind is StoreKind.EMBEDDED else find_minio()
    if binary is None and kind is StoreKind.MINIO:
        raise FatalError(
            "there is no MinIO binary: set MINIO_BIN, put `minio` in PATH, or run `make minio` (needs Go); "
            "`--store embedded` does without"
        )
    log, api = logs / "store.log", ports(API_PORT)
    if binary is None:
        console = None
        objects = data.with_name(f"{data.name}-embedded") / "objects.sqlite"
        description = f"embedded S3 (moto; keeps objects in {objects}, no events, any key is accepted)"
        program = ("-m", "edge_stack.store.embedded_server")
        command = Command(
            name="store",
            argv=[sys.executable, *program, "--port", str(api.number), "--objects", objects],
            log=log,
            env=GIVES_BACK,
            ports=(api,),
        )
    else:
        console = ports(CONSOLE_PORT)
        data.mkdir(parents=True, exist_ok=True)
        description = f"MinIO {minio_version(binary)} ({binary})"
        command = minio_command(binary, data=data, log=log, api=api, console=console, webhook=webhook)
    store = Store(
        kind=StoreKind.EMBEDDED if binary is None else StoreKind.MINIO,
        description=description,
        endpoint=f"http://{HOST}:{api.number}",
        console=f"http://{HOST}:{console.number}" if console else None,
        process=processes.start(command),
    )
    store.wait_ready()
    return store
