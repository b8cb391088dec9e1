"""The whole platform as processes of this machine: store, sidecar, server, client.

    with Stack(StackOptions(root=folder)) as stack:
        stack.start_all()
        stack.push(models / "car" / "1", model="car", version=1)
        stack.served()

Every component may also be started, stopped and killed alone, which is what fault tests are made of.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import urllib3
from edge_common.errors import FatalError, RetryableError
from edge_common.served_state import ServedModels
from urllib3.exceptions import HTTPError

from edge_stack.components import (
    GRPC_PORT,
    PAGE_PORT,
    SERVER_PORT,
    SIDECAR_PORT,
    StackFolder,
    StackPorts,
    client_command,
    client_environment,
    program,
    server_command,
    sidecar_command,
    sidecar_environment,
)
from edge_stack.measuring.served_timeline import read_served
from edge_stack.processes.command import Command
from edge_stack.processes.ports import HOST, ReservedPort
from edge_stack.processes.running import Processes, RunningProcess
from edge_stack.processes.waiting import http_answers, http_get, wait_until
from edge_stack.store.minio_server import call_no_more, call_on_changes
from edge_stack.store.store import BUCKET, PICTURES_BUCKET, Store, StoreKind, start_store

_READY_WITHIN_SECONDS = 60.0
_ASK_WITHIN_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class StackOptions:
    """What may differ between stacks."""

    root: Path
    """State folder; made when missing."""
    store: StoreKind = StoreKind.AUTO
    default_ports: bool = False
    """Prefer the documented ports (8000, 8080, 8081, 9000, 9001) where they are free; else any free ones."""
    page_host: str = HOST
    """Address that the page listens on; everything else stays on this machine."""
    sidecar_settings: Mapping[str, str] = field(default_factory=dict)
    """Settings of model-sync without their prefix, such as `{"POLL_INTERVAL": "1s"}`."""
    server_flags: tuple[str, ...] = ()
    """Further flags of the model server."""
    grpc: bool = False
    """Whether the model server speaks gRPC, too."""


class Stack:
    """Starts the components in the order they need and knows their addresses; leaving it ends all."""

    def __init__(self, options: StackOptions, processes: Processes | None = None) -> None:
        """`processes` starts and ends the programs; without it, as programs of this machine."""
        self.options = options
        self.folder = StackFolder(options.root.absolute())
        self.processes = processes or Processes()
        self._open = ExitStack()
        self._ports: StackPorts | None = None
        self._store: Store | None = None

    def __enter__(self) -> Self:
        """Make the folders and reserve the ports; starts only the guard."""
        self.folder.make()
        with ExitStack() as opening:
            opening.enter_context(self.processes)
            self._ports = StackPorts(
                server=opening.enter_context(self._port(SERVER_PORT)),
                sidecar=opening.enter_context(self._port(SIDECAR_PORT)),
                client=opening.enter_context(self._port(PAGE_PORT, self.options.page_host)),
                grpc=opening.enter_context(self._port(GRPC_PORT)) if self.options.grpc else None,
            )
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_error: object) -> None:
        self._open.close()

    @property
    def ports(self) -> StackPorts:
        """Addresses of server, sidecar and client, fixed from entering the context on."""
        if self._ports is None:
            raise FatalError("the stack has no ports yet; use it as a context manager")
        return self._ports

    @property
    def store(self) -> Store:
        """The running store."""
        if self._store is None:
            raise FatalError("the store was not started; call start_store or start_all")
        return self._store

    @property
    def has_store(self) -> bool:
        """Whether the store was started."""
        return self._store is not None

    @property
    def steps(self) -> Sequence[Callable[[], object]]:
        """What starts the components, in this order: each waits until the one it needs is ready."""
        until_served = (self.start_store, self.start_sidecar, self.connect_events, self.start_server)
        return (*until_served, self.start_client)

    def start_all(self) -> None:
        """Start every component, each once the one it needs is ready."""
        for step in self.steps:
            step()

    def start_store(self) -> Store:
        """Start the store and wait until it answers S3 requests."""
        self._store = start_store(
            self.processes,
            self.options.store,
            data=self.folder.store_data,
            logs=self.folder.logs,
            ports=lambda preferred: self._open.enter_context(self._port(preferred)),
            webhook=f"{self.ports.sidecar_url}/v1/sync",
        )
        self._store.make_bucket(PICTURES_BUCKET)
        return self._store

    def start_sidecar(self, **settings: str) -> RunningProcess:
        """Start model-sync and wait for /startupz: config.json is valid, one listing was tried.

        `settings` are further ones for this start only, such as `EVENTS="off"`.
        """
        command = sidecar_command(self.folder, self.ports, self.sidecar_environment(**settings))
        return self._start(command, f"{self.ports.sidecar_url}/startupz")

    def connect_events(self) -> bool:
        """Let the store call the sidecar at every change; False when this store cannot.

        The bucket must be there. Raises RetryableError when the store refuses.
        """
        if self.store.sends_events:
            call_on_changes(self.store.client(), BUCKET)
        return self.store.sends_events

    def disconnect_events(self) -> None:
        """Let the sidecar find changes by polling alone; raises RetryableError when the store refuses."""
        if self.store.sends_events:
            call_no_more(self.store.client(), BUCKET)

    def start_server(self) -> RunningProcess:
        """Start the model server and wait until it is ready; config.json must be there."""
        command = server_command(self.folder, self.ports, self.options.server_flags)
        return self._start(command, f"{self.ports.server_url}/v2/health/ready")

    def start_client(self) -> RunningProcess:
        """Start the client, which watches the folder of pictures, and wait until its page answers."""
        command = client_command(self.folder, self.ports, self.store.endpoint if self.has_store else "")
        return self._start(command, f"{self.ports.page_url}/healthz")

    def _start(self, command: Command, ready: str) -> RunningProcess:
        process = self.processes.start(command)
        process.wait_ready(http_answers(ready), within=_READY_WITHIN_SECONDS)
        return process

    def component(self, name: str) -> RunningProcess:
        """The running `store`, `sidecar`, `server` or `client`; raises FatalError when it does not run."""
        for process in self.processes.running:
            if process.name == name and process.exit_code is None:
                return process
        raise FatalError(f"the component {name} does not run in {self.folder.root}")

    def sidecar_environment(self, **settings: str) -> dict[str, str]:
        """The variables that `model-sync` commands of this stack need."""
        further = {**self.options.sidecar_settings, **settings}
        return sidecar_environment(self.folder, self.ports, self.store.endpoint, further)

    def push(self, source: Path, *, model: str, version: int) -> dict[str, Any]:
        """Upload a version with `model-sync push`, SHA256SUMS last; returns what it reported.

        Returns as soon as the last byte is in the store; raises RejectedError when the command fails.
        """
        target = ("--model", model, "--version", str(version))
        argv: list[str | Path] = [program("model-sync"), "push", source, *target, "--json"]
        return self.run_for_json("push", argv, self.sidecar_environment())

    def classify(self, *arguments: str | Path) -> dict[str, Any]:
        """Run `car-client classify --json` with this stack's server; returns what it reported."""
        argv = [program("car-client"), "classify", "--json", *arguments]
        return self.run_for_json("classify", argv, client_environment(self.ports))

    def run_for_json(
        self, name: str, argv: Sequence[str | Path], environment: Mapping[str, str], *, within: float = 120
    ) -> dict[str, Any]:
        """Run one command to its end and parse the JSON object it prints; its log is `<name>.log`."""
        output = self.folder.logs / f"{name}.json"
        command = Command(name=name, argv=argv, log=self.folder.log(name), env=environment, output=output)
        answer: dict[str, Any] = json.loads(self.processes.run(command, within=within))
        return answer

    def served(self) -> ServedModels:
        """What the model server says it serves; raises RetryableError when it does not answer."""
        return read_served(self.ports.server_url)

    def status(self) -> dict[str, Any]:
        """The sidecar's `/v1/status`; raises RetryableError when it does not answer."""
        url = f"{self.ports.sidecar_url}/v1/status"
        try:
            return dict(http_get(url).json())
        except (ValueError, TypeError) as error:
            raise RetryableError(f"{url} did not answer with JSON: {error}") from error

    def ask_for_sync(self) -> None:
        """Have the sidecar list the bucket now; raises RetryableError when it does not answer."""
        url = f"{self.ports.sidecar_url}/v1/sync"
        try:
            urllib3.request("POST", url, retries=False, timeout=_ASK_WITHIN_SECONDS)
        except HTTPError as error:
            raise RetryableError(f"{url} does not answer ({type(error).__name__})") from error

    def wait_version(self, model: str, version: int, state: str, *, within: float) -> dict[str, Any]:
        """Wait until the sidecar reports `version` of `model` in `state`; returns that version's entry."""
        found: dict[str, Any] = {}

        def look() -> str | None:
            versions = self.status()["models"].get(model, {"versions": []})["versions"]
            mine = [entry for entry in versions if entry["source"] == str(version)]
            found.update(mine[0] if mine else {"state": "unknown", "reason": ""})
            return None if found["state"] == state else f"it is {found['state']} ({found['reason']})"

        wait_until(f"{model} version {version} {state}", look, within=within)
        return found

    def _port(self, preferred: int, host: str = HOST) -> ReservedPort:
        return ReservedPort(preferred if self.options.default_ports else 0, host)
