"""compose.yaml as a box: started, asked, hurt and ended with docker or podman."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from edge_stack.components import program
from edge_stack.processes.waiting import wait_until

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "helm-chart" / "edge-ai-car-classification" / "files" / "pictures"
ADDRESS = "127.0.0.77"
"""Of this machine alone, and not the one whose ports a stack of somebody else may have."""
PROJECT = "edgeai-walk"
SECRETS = ("store-user", "store-password", "sidecar-user", "sidecar-password", "sync-token", "api-token")
_SECONDS = 300


def find_compose() -> tuple[list[str], str] | None:
    """The command that reads compose.yaml, and the engine behind it; None: neither is here."""
    beside = Path(sys.executable).with_name("podman-compose")
    podman_compose = os.environ.get("PODMAN_COMPOSE") or shutil.which("podman-compose") or str(beside)
    if shutil.which("docker") and _works("docker", "compose", "version") and _works("docker", "info"):
        return ["docker", "compose"], "docker"
    if shutil.which("podman") and _works(podman_compose, "--version") and _works("podman", "info"):
        return [podman_compose], "podman"
    return None


def _works(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0
    except OSError:
        return False


def podman_settings(folder: Path) -> Path:
    """A containers.conf with which podman also starts where no systemd runs and root may raise no limit."""
    lines = ["[containers]", 'default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]']
    if not Path("/run/systemd/system").exists():
        lines += ["[engine]", 'cgroup_manager = "cgroupfs"', 'events_logger = "file"']
        if shutil.which("runc"):  # Debian 12's crun knows no control groups of both versions
            lines.append('runtime = "runc"')
    if Path(
        "/usr/lib/podman/netavark"
    ).exists():  # without it Debian's podman may take CNI, which knows no names
        lines += ["[network]", 'network_backend = "netavark"']
    path = folder / "containers.conf"
    path.write_text("\n".join(lines) + "\n")
    return path


@dataclass
class ComposedBox:
    """One project of compose.yaml with secrets of its own; `folder` holds them."""

    folder: Path
    compose_command: list[str]
    engine: str
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.secrets.mkdir(mode=0o700)
        for name in SECRETS:
            self.write_secret(name, name if name.endswith("user") else secrets.token_hex(16))
        self.environment = {**os.environ, "HOST_ADDRESS": ADDRESS, "SECRETS": str(self.secrets)}
        if self.engine == "podman" and "CONTAINERS_CONF" not in os.environ:
            self.environment["CONTAINERS_CONF"] = str(podman_settings(self.folder))

    @property
    def secrets(self) -> Path:
        return self.folder / "secrets"

    def write_secret(self, name: str, value: str) -> None:
        (self.secrets / name).write_text(value)

    def compose(self, *arguments: str) -> str:
        """What docker compose or podman-compose said to this; its exit code is not judged."""
        ran = self._run(*self.compose_command, "-p", PROJECT, "--profile", "lite", *arguments)
        return ran.stdout + ran.stderr

    def up(self) -> None:
        said = self.compose("up", "--detach")
        wait_until("the box is up", lambda: self._not_up(said), within=60, every=0.3)

    def _not_up(self, said: str) -> str | None:
        for port in (8000, 8080, 8081, 9000):
            path = {8000: "/v2/health/ready", 9000: "/minio/health/live"}.get(port, "/readyz")
            try:
                answer = requests.get(f"http://{ADDRESS}:{port}{path}", timeout=5)
            except requests.RequestException as error:
                return f"{error}; `up` had said: {said[-2000:]}"
            if answer.status_code != requests.codes.ok:
                return f"port {port} answers {answer.status_code}"
        return None

    def container(self, service: str) -> str:
        """The id of the service's container."""
        labels = {"com.docker.compose.project": PROJECT, "com.docker.compose.service": service}
        filters = [word for key, value in labels.items() for word in ("--filter", f"label={key}={value}")]
        found = self._run(self.engine, "ps", "--all", "--quiet", *filters).stdout.split()
        assert len(found) == 1, f"{service}: {found}"
        return found[0]

    def inspect(self, service: str) -> dict[str, Any]:
        said = self._run(self.engine, "inspect", "--type", "container", self.container(service)).stdout
        told: dict[str, Any] = json.loads(said)[0]
        return told

    def is_healthy(self, service: str) -> bool:
        """What the service's own health check says; podman without systemd runs none by itself."""
        if self.engine == "podman":
            return self._run("podman", "healthcheck", "run", self.container(service)).returncode == 0
        told: str = self.inspect(service)["State"]["Health"]["Status"]
        return told == "healthy"

    def log(self, service: str) -> str:
        ran = self._run(self.engine, "logs", self.container(service))
        return ran.stdout + ran.stderr

    def kill(self, service: str) -> None:
        """SIGKILL to the first process, as by the kernel, and wait until another runs in its place."""
        before = self.inspect(service)["State"]["Pid"]
        os.kill(before, signal.SIGKILL)

        def look() -> str | None:
            state = self.inspect(service)["State"]
            return None if state["Running"] and state["Pid"] not in {0, before} else str(state)

        wait_until(f"{service} is started again", look, within=60, every=0.3)

    def model_sync(self, *arguments: str) -> str:
        """The command of a person on this machine, with the administrator's keys."""
        read = {name: (self.secrets / name).read_text() for name in ("store-user", "store-password")}
        settings = {
            "MODEL_SYNC_S3_ENDPOINT": f"http://{ADDRESS}:9000",
            "MODEL_SYNC_S3_ACCESS_KEY": read["store-user"],
            "MODEL_SYNC_S3_SECRET_KEY": read["store-password"],
            "MODEL_SYNC_STATUS_URL": f"http://{ADDRESS}:8081",
        }
        return self._checked(program("model-sync"), *arguments, more=settings)

    def in_sidecar(self, *arguments: str) -> str:
        """The command of a person at the box: in the sidecar's container."""
        return self._checked(self.engine, "exec", self.container("sidecar"), *arguments)

    def classify(self, picture: str) -> dict[str, int]:
        """Model -> version that answered for a picture at the client's page; empty while none does."""
        content = (PICTURES / picture).read_bytes()
        head = {"Content-Type": "image/jpeg"}
        url = f"http://{ADDRESS}:8080/api/classify?name={picture}"
        try:
            answer = requests.post(url, data=content, headers=head, timeout=30)
        except requests.RequestException:
            return {}
        results = answer.json().get("results", []) if answer.ok else []
        return {one["model"]: one["version"] for one in results if one.get("predictions")}

    def _run(self, *command: str, more: Mapping[str, str] = {}) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=ROOT,
            env={**self.environment, **more},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )

    def _checked(self, *command: str, more: Mapping[str, str] = {}) -> str:
        ran = self._run(*command, more=more)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout
