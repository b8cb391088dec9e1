"""Where the charts are, and what they render to."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".local" / "bin"
CHART = ROOT / "helm-chart" / "edge-ai-car-classification"
SUBCHART = ROOT / "helm-chart" / "minio"
VALUES_FILES = sorted([*CHART.glob("ci/*.yaml"), *CHART.glob("examples/values-*.yaml")])
HELMS = ("helm", "helm3")
KUBERNETES = "v1.36.2"
"""Whose API the manifests are checked against."""

API_VERSIONS = ("monitoring.coreos.com/v1", "gateway.networking.k8s.io/v1")
"""Kinds that a cluster knows besides Kubernetes' own."""

Document = dict[str, Any]


class RefusedError(Exception):
    """Helm refused the values; the text is its own."""


def tool(name: str) -> str:
    """Path of a tool that `make chart-tools` builds."""
    path = TOOLS / name
    assert path.exists(), f"there is no {path}; run `make chart-tools`"
    return str(path)


def run(command: Sequence[str | Path], **environment: str) -> subprocess.CompletedProcess[str]:
    """A tool's outcome, whatever it is."""
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )


def render_text(
    *files: Path,
    sets: Sequence[str] = (),
    helm: str = "helm",
    release: str = "ml-platform",
    api_versions: Sequence[str] = API_VERSIONS,
) -> str:
    """All manifests of the release as text. Raises RefusedError when Helm refuses the values."""
    options = [option for file in files for option in ("--values", str(file))]
    options += [option for value in sets for option in ("--set", value)]
    options += [option for version in api_versions for option in ("--api-versions", version)]
    command = [
        tool(helm),
        "template",
        release,
        str(CHART),
        "--namespace",
        "edge",
        "--kube-version",
        KUBERNETES,
    ]
    done = run([*command, *options])
    if done.returncode:
        raise RefusedError(done.stderr)
    return done.stdout


def render(
    *files: Path, sets: Sequence[str] = (), helm: str = "helm", release: str = "ml-platform"
) -> list[Document]:
    """All manifests of the release. Raises RefusedError when Helm refuses the values."""
    text = render_text(*files, sets=sets, helm=helm, release=release)
    return [document for document in yaml.load_all(text, StrictLoader) if document]


def pod_specs(documents: Sequence[Document]) -> Iterator[tuple[str, Document]]:
    """Name and pod spec of all that makes pods."""
    for document in documents:
        name = f"{document['kind']}/{document['metadata']['name']}"
        if document["kind"] == "Pod":
            yield name, document["spec"]
        elif document["kind"] in {"Deployment", "StatefulSet", "Job"}:
            yield name, document["spec"]["template"]["spec"]


def containers(spec: Document) -> list[Document]:
    """All containers of a pod spec, init containers among them."""
    return [*spec.get("initContainers", []), *spec["containers"]]


class StrictLoader(yaml.SafeLoader):
    """YAML in which no key may come twice, as Kubernetes' own strict decoding has it."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """As the base class, but a repeated key is an error."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        repeated = {key for key in keys if keys.count(key) > 1}
        if repeated:
            raise yaml.YAMLError(f"{node.start_mark}: {sorted(repeated)} come more than once")
        return super().construct_mapping(node, deep)
