"""The installed platform: its parts by name, what it serves, and what its pods say."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from edge_stack.processes.waiting import wait_until

from .bucket import Bucket
from .kubectl import CommandError, Document, Kubectl, is_ready, wait_for_pods
from .release import CHART, Release
from .uploads import Files

_COMPONENT = "app.kubernetes.io/component"


@dataclass
class Platform:
    """One release and ways to look at it."""

    kubectl: Kubectl
    release: Release
    bucket: Bucket
    chart: Path
    """What changes of values are made with; the earlier version that was installed."""
    _sets: dict[str, str] = field(default_factory=dict)

    @property
    def fullname(self) -> str:
        """Beginning of the names of what the chart makes."""
        return f"{self.release.name}-{CHART.name}"

    def selector(self, component: str) -> str:
        """Label selector of the pods of server, client, minio and so on."""
        return f"app.kubernetes.io/instance={self.release.name},{_COMPONENT}={component}"

    def pods(self, component: str) -> list[str]:
        """Names of the ready pods."""
        return [
            pod["metadata"]["name"]
            for pod in self.kubectl.find("pods", self.selector(component))
            if is_ready(pod)
        ]

    def server_url(self) -> str:
        """Address of the model server inside the cluster."""
        return f"http://{self.fullname}-server:8000"

    def has(self, **values: str) -> list[str]:
        """Have the release use these values, `server__replicaCount` for server.replicaCount.

        Upgrades it when it does not. Returns the server's pods once all of them are ready.
        """
        sets = {key.replace("__", "."): value for key, value in values.items()}
        if not sets.items() <= self._sets.items():
            self.change(*(f"{key}={value}" for key, value in sets.items()))
            self._sets |= sets
        return self.servers(int(self._sets.get("server.replicaCount", "1")))

    def change(self, *sets: str) -> None:
        """Upgrade the release to further values, KEY=VALUE each, with the chart that it has."""
        self.release.upgrade(*sets, chart=self.chart)

    def forget_values(self) -> None:
        """The release was changed in another way; the next `has` upgrades in any case."""
        self._sets.clear()

    def servers(self, count: int) -> list[str]:
        """The server's pods once exactly `count` are there, all of them ready."""
        return wait_for_pods(self.kubectl, self.selector("server"), count)

    def status(self, pod: str) -> Document:
        """What `model-sync status` says in one pod."""
        document: Document = json.loads(
            self.kubectl.execute(pod, "model-sync", "model-sync", "status", "--json")
        )
        return document

    def writes(self, pod: str) -> bool:
        """Whether this pod's sidecar is the one that writes to the volume."""
        role: str = self.status(pod)["role"]
        return role == "writer"

    def version(self, pod: str, model: str, source: str) -> Document:
        """Row of one version in the status; empty when it is not there."""
        rows: list[Document] = self.status(pod)["models"].get(model, {}).get("versions", [])
        return next((row for row in rows if row["source"] == source), {})

    def wait_for_state(self, model: str, source: str, state: str, *, within: float = 90) -> Document:
        """Row of the version once every server pod says `state` of it."""
        row: Document = {}

        def look() -> str | None:
            nonlocal row
            for pod in self.pods("server"):
                try:
                    row = self.version(pod, model, source)
                except CommandError as error:  # the pod or its sidecar is just being replaced
                    return str(error)
                if row.get("state") != state:
                    return f"{pod} says {row.get('state')}: {row.get('reason')}"
            return None if row else "there is no server pod"

        wait_until(f"{model} {source} {state}", look, within=within, every=0.5)
        return row

    def serve(self, model: str, version: int, files: Files) -> None:
        """Upload a version and wait until every server pod serves it."""
        self.bucket.upload(model, version, files)
        self.wait_for_state(model, str(version), "serving")

    def inferences(self, model: str) -> list[Document]:
        """Lines `inference` in the clients' logs."""
        events = self.kubectl.log_events(self.selector("client"), "client")
        return [one for one in events if one.get("event") == "inference" and one["model"] == model]

    def wait_for_inference(self, model: str, version: int, *, within: float = 60) -> Document:
        """First line of a client's log that says that this version classified a picture."""
        found: list[Document] = []

        def look() -> str | None:
            found.extend(one for one in self.inferences(model) if int(one["version"]) == version)
            return None if found else "no line of it in the clients' logs"

        wait_until(f"an inference by {model} {version}", look, within=within, every=0.3)
        return found[0]

    def wait_for_more_inferences(self, model: str, than: int, *, within: float = 60) -> None:
        """Return when the clients' logs have more than `than` inferences by `model`."""

        def look() -> str | None:
            count = len(self.inferences(model))
            return None if count > than else f"{count} inferences"

        wait_until(f"more than {than} inferences by {model}", look, within=within, every=0.5)
