"""Pods beside the platform that ask it something: one that its policies admit, and a stranger."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .kubectl import CommandError, Document, Kubectl
from .release import ROOT

_SCRIPTS = Path(__file__).parent / "in_pod"
_LOAD = ROOT / "local-stack" / "src" / "edge_stack"
_FILES = {
    "ask.py": _SCRIPTS / "ask.py",
    "reach.py": _SCRIPTS / "reach.py",
    "edge_stack/__init__.py": _LOAD / "__init__.py",
    "edge_stack/measuring/__init__.py": _LOAD / "measuring" / "__init__.py",
    "edge_stack/measuring/load.py": _LOAD / "measuring" / "load.py",
}
_CONFIG_MAP = "e2e-visitor"
ADMITTED = {"e2e": "caller"}
"""Label that values.yaml admits to the server."""


@dataclass
class Traffic:
    """What came of the requests of one load; filled in when the load has ended."""

    requests: int = 0
    failures: int = 0
    first_error: str = ""
    versions: Sequence[int] = ()
    by_connection: Mapping[str, Document] = field(default_factory=dict)

    def note(self, kinds: Mapping[str, Document]) -> None:
        """Sum up what ask.py printed."""
        self.by_connection = kinds
        self.requests = sum(kind["requests"] for kind in kinds.values())
        self.failures = sum(kind["failures"] for kind in kinds.values())
        self.first_error = "; ".join(kind["first_error"] for kind in kinds.values() if kind["first_error"])
        self.versions = sorted({version for kind in kinds.values() for version in kind["versions"]})


@dataclass(frozen=True)
class Visitor:
    """A running pod with the client's image."""

    kubectl: Kubectl
    pod: str
    server_url: str

    @contextmanager
    def asking(self, model: str, *, threads: int = 4, pause: float = 0.02) -> Iterator[Traffic]:
        """Requests to `model` through the Service while the context is entered."""
        command = [
            "kubectl",
            "--namespace",
            self.kubectl.namespace,
            "exec",
            "--stdin",
            self.pod,
            "--",
            "python3",
        ]
        command += ["/visitor/ask.py", self.server_url, model, str(threads), str(pause)]
        traffic = Traffic()
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                assert process.stdout is not None
                if process.stdout.readline() != "asking\n":
                    raise CommandError(f"{' '.join(command)}: {process.communicate()[1]}")
                yield traffic
                printed, said = process.communicate(timeout=60)
                if process.returncode:
                    raise CommandError(f"{' '.join(command)}: {said}")
                traffic.note(json.loads(printed))
            finally:
                process.kill()

    def reaches(self, *addresses: str) -> list[str]:
        """Which of the `host:port` take a connection."""
        return self.kubectl.execute(self.pod, "visitor", "python3", "/visitor/reach.py", *addresses).split()


def start_visitor(
    kubectl: Kubectl, name: str, labels: Mapping[str, str], image: str, server_url: str
) -> Visitor:
    """A pod that waits for work, once it is ready."""
    keys = {path: path.replace("/", "-") for path in _FILES}
    data = {keys[path]: file.read_text() for path, file in _FILES.items()}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": _CONFIG_MAP}, "data": data}
    volume = {
        "name": "visitor",
        "configMap": {
            "name": _CONFIG_MAP,
            "items": [{"key": key, "path": path} for path, key in keys.items()],
        },
    }
    kubectl.apply(config, _pod(name, labels, image, volume))
    kubectl.run("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=120s")
    return Visitor(kubectl, name, server_url)


def _pod(name: str, labels: Mapping[str, str], image: str, volume: Document) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": dict(labels)},
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 10001,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "visitor",
                    "image": image,
                    "command": ["python3", "-c", "import time; time.sleep(86400)"],
                    "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                    "volumeMounts": [{"name": "visitor", "mountPath": "/visitor"}],
                }
            ],
            "volumes": [volume],
        },
    }
