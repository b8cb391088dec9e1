"""How each component is started: pure functions from addresses and folders to commands."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_common.errors import FatalError

from edge_stack.processes.command import GIVES_BACK, Command
from edge_stack.processes.ports import HOST, ReservedPort
from edge_stack.store.minio_server import ACCESS_KEY, SECRET_KEY
from edge_stack.store.store import API_PORT, BUCKET, CONSOLE_PORT, PICTURES_BUCKET

ALL_ADDRESSES = "0.0.0.0"  # noqa: S104 - compared with what a person asked for
"""Every address of this machine."""
SERVER_PORT, SIDECAR_PORT, PAGE_PORT = 8000, 8081, 8080
GRPC_PORT = 9002
"""As in compose.yaml: 9000, where the server itself would listen, is the store's."""
PREFERRED_PORTS = {
    "page": PAGE_PORT,
    "server": SERVER_PORT,
    "server's gRPC": GRPC_PORT,
    "sidecar": SIDECAR_PORT,
    "store": API_PORT,
    "console of the store": CONSOLE_PORT,
}
"""Who would listen where, as documented; another port is taken where one is not free."""


class StackFolder:
    """Where a stack keeps what it has; everything lies under `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store_data = root / "data"
        self.volume = root / "volume"
        """What sidecar and server share: the models and config.json."""
        self.pictures = root / "pictures"
        """What the client watches."""
        self.history = root / "history.sqlite"
        """What the client keeps of its answers."""
        self.logs = root / "logs"
        self.record = root / "stack.json"
        """Addresses and process ids of a stack that runs in the background."""
        self.operator_token = root / "operator-token"
        """What a person shows to change what such a stack serves."""

    def make(self) -> None:
        """Make the folders that a stack needs; raises FatalError when one cannot be made."""
        for needed in (self.logs, self.volume, self.pictures):
            try:
                needed.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                message = f"the folder {needed} cannot be made: {error.strerror}; use another with --dir"
                raise FatalError(message) from error

    def log(self, component: str) -> Path:
        """Log of one component."""
        return self.logs / f"{component}.log"


@dataclass(frozen=True)
class StackPorts:
    """The ports of what this project itself provides."""

    server: ReservedPort
    sidecar: ReservedPort
    client: ReservedPort
    grpc: ReservedPort | None = None
    """Of the model server, where it speaks gRPC, too."""

    @property
    def grpc_address(self) -> str:
        """`host:port` of the model server's gRPC interface; empty where it has none."""
        return f"{HOST}:{self.grpc.number}" if self.grpc is not None else ""

    @property
    def server_url(self) -> str:
        """REST address of the model server."""
        return f"http://{HOST}:{self.server.number}"

    @property
    def sidecar_url(self) -> str:
        """Health, status and cards of the sidecar."""
        return f"http://{HOST}:{self.sidecar.number}"

    @property
    def page_url(self) -> str:
        """The client's web page, as this machine reaches it."""
        host = HOST if self.client.host == ALL_ADDRESSES else self.client.host
        return f"http://{host}:{self.client.number}"


def program(name: str) -> str:
    """The command `name` of this Python environment, else of PATH."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else name


def sidecar_environment(
    folder: StackFolder, ports: StackPorts, store_endpoint: str, settings: Mapping[str, str]
) -> dict[str, str]:
    """The sidecar's settings; `settings` are further ones, without `MODEL_SYNC_`, and win."""
    values = {
        "S3_ENDPOINT": store_endpoint,
        "S3_ACCESS_KEY": ACCESS_KEY,
        "S3_SECRET_KEY": SECRET_KEY,
        "BUCKET": BUCKET,
        "CREATE_BUCKET": "true",
        "MODELS_DIR": str(folder.volume),
        "OVMS_URL": ports.server_url,
        "HTTP_PORT": str(ports.sidecar.number),
        **settings,
    }
    return {f"MODEL_SYNC_{name}": value for name, value in values.items()}


def sidecar_command(folder: StackFolder, ports: StackPorts, environment: Mapping[str, str]) -> Command:
    """`model-sync run`."""
    return Command(
        name="sidecar",
        argv=[program("model-sync"), "run"],
        log=folder.log("sidecar"),
        env={**GIVES_BACK, **environment},
        ports=(ports.sidecar,),
    )


def server_command(folder: StackFolder, ports: StackPorts, flags: Sequence[str] = ()) -> Command:
    """`ovms-lite`, with the flags that the real server would get as well; `flags` are further ones."""
    grpc = ("--port", str(ports.grpc.number), "--grpc_bind_address", HOST) if ports.grpc is not None else ()
    return Command(
        name="server",
        argv=[
            program("ovms-lite"),
            *("--config_path", str(folder.volume / "config.json")),
            *("--rest_port", str(ports.server.number), "--rest_bind_address", HOST),
            *("--file_system_poll_wait_seconds", "1"),
            *grpc,
            *flags,
        ],
        log=folder.log("server"),
        ports=(ports.server, *((ports.grpc,) if ports.grpc is not None else ())),
    )


def client_command(folder: StackFolder, ports: StackPorts, store_endpoint: str = "") -> Command:
    """`car-client serve`: the page, and the watch over the folder of pictures; with a store also reviews."""
    return Command(
        name="client",
        argv=[
            *(program("car-client"), "serve", folder.pictures),
            *("--host", ports.client.host, "--port", str(ports.client.number)),
            *("--history", folder.history),
        ],
        log=folder.log("client"),
        env=client_environment(ports, store_endpoint),
        ports=(ports.client,),
    )


def client_environment(ports: StackPorts, store_endpoint: str = "") -> dict[str, str]:
    """What every `car-client` command of this stack needs to know; with a store also of reviews."""
    review = {
        "CAR_CLIENT_REVIEW": f"s3://{PICTURES_BUCKET}/review",
        "CAR_CLIENT_S3_ENDPOINT": store_endpoint,
        "CAR_CLIENT_S3_ACCESS_KEY": ACCESS_KEY,
        "CAR_CLIENT_S3_SECRET_KEY": SECRET_KEY,
    }
    grpc = {"CAR_CLIENT_GRPC_ADDRESS": ports.grpc_address} if ports.grpc_address else {}
    addresses = {"CAR_CLIENT_SERVER_URL": ports.server_url, "CAR_CLIENT_SIDECAR_URL": ports.sidecar_url}
    return addresses | grpc | (review if store_endpoint else {})
