"""Talking to the cluster that KUBECONFIG names."""

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_stack.processes.waiting import wait_until

Document = dict[str, Any]
_FORWARDING = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+) ->")


class CommandError(Exception):
    """A command failed; the text is what it said."""


def run(
    command: Sequence[str], *, text: str | None = None, folder: Path | None = None, timeout: float = 300
) -> str:
    """Standard output of `command`. Raises CommandError with all it said when it fails."""
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, check=False, timeout=timeout, cwd=folder
    )
    if done.returncode:
        raise CommandError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr}{done.stdout}")
    return done.stdout


@dataclass(frozen=True)
class Kubectl:
    """kubectl in one namespace."""

    namespace: str

    def run(self, *arguments: str, text: str | None = None, timeout: float = 300) -> str:
        """Standard output. Raises CommandError."""
        return run(["kubectl", "--namespace", self.namespace, *arguments], text=text, timeout=timeout)

    def get(self, kind: str, name: str) -> Document:
        """One object. Raises CommandError when there is none."""
        document: Document = json.loads(self.run("get", kind, name, "-o", "json"))
        return document

    def find(self, kind: str, selector: str = "") -> Sequence[Document]:
        """Objects of one or several kinds, joined by commas."""
        items: Sequence[Document] = json.loads(self.run("get", kind, "--selector", selector, "-o", "json"))[
            "items"
        ]
        return items

    def raw(self, path: str) -> Document:
        """What the API answers to a GET of `path`."""
        document: Document = json.loads(self.run("get", "--raw", path))
        return document

    def apply(self, *manifests: Document) -> None:
        """Create or change objects."""
        self.run(
            "apply", "-f", "-", text=json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
        )

    def execute(self, pod: str, container: str, *command: str, timeout: float = 120) -> str:
        """Standard output of a command in a container."""
        return self.run("exec", pod, "--container", container, "--", *command, timeout=timeout)

    def log_events(self, selector: str, container: str) -> list[Document]:
        """Lines of the JSON logs of all pods that `selector` finds."""
        text = self.run("logs", "--selector", selector, "--container", container, "--tail=-1")
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def evict(self, pod: str) -> None:
        """Evict `pod`, as `kubectl drain` does. Raises CommandError when a budget forbids it."""
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod, "namespace": self.namespace},
        }
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod}/eviction"
        self.run("create", "--raw", path, "-f", "-", text=json.dumps(eviction))

    @contextmanager
    def forward(self, target: str, port: int) -> Iterator[int]:
        """A free port of this machine that is forwarded to `port` of `target`, such as `svc/name`."""
        command = ["kubectl", "--namespace", self.namespace, "port-forward", target, f":{port}"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            try:
                assert process.stdout is not None
                line = process.stdout.readline()
                found = _FORWARDING.match(line)
                if found is None:
                    raise CommandError(f"{' '.join(command)}: {line}{process.stdout.read()}")
                yield int(found[1])
            finally:
                process.terminate()


def pod_names(pods: Sequence[Document]) -> list[str]:
    """Names of `pods` that are not ending."""
    return [pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def is_ready(pod: Document) -> bool:
    """Whether `pod` takes requests and is not ending."""
    conditions = {one["type"]: one["status"] for one in pod["status"].get("conditions", [])}
    return conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]


def wait_for_pods(kubectl: Kubectl, selector: str, count: int, *, within: float = 180) -> list[str]:
    """Names of the pods of `selector` once exactly `count` are there, all of them ready."""
    pods: Sequence[Document] = []

    def look() -> str | None:
        nonlocal pods
        pods = kubectl.find("pods", selector)
        ready = sum(is_ready(pod) for pod in pods)
        return None if ready == len(pods) == count else f"{ready} of {len(pods)} pods are ready"

    wait_until(f"{count} ready pods of {selector}", look, within=within)
    return pod_names(pods)
