"""One release of the chart, by Helm."""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .kubectl import run

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm-chart" / "edge-ai-car-classification"
TIMEOUT = "5m"
PREVIOUS = "0.0.9"
"""Version of the chart that is installed first; upgraded to the present one in the end."""


def helm_program() -> str:
    """The Helm that E2E_HELM names, that of `make chart-tools`, or that on PATH."""
    if named := os.environ.get("E2E_HELM"):
        return str(Path(named).absolute())
    own = ROOT / ".local" / "bin" / "helm"
    found = str(own) if own.exists() else shutil.which("helm")
    assert found, "there is no helm; run `make .local/bin/helm`, or install it"
    return found


def package(folder: Path, version: str) -> Path:
    """The chart as an archive of another version."""
    run([helm_program(), "package", str(CHART), "--version", version, "--destination", str(folder)])
    return folder / f"{CHART.name}-{version}.tgz"


@dataclass(frozen=True)
class Release:
    """A name in a namespace; `files` are the values files of every installation."""

    name: str
    namespace: str
    files: Sequence[Path]

    def install(self, chart: Path) -> None:
        """`helm install --wait` with the values files."""
        options = [option for file in self.files for option in ("--values", str(file))]
        self._helm("install", self.name, str(chart), *options, "--wait", "--timeout", TIMEOUT)

    def upgrade(self, *sets: str, chart: Path, as_json: bool = False) -> None:
        """`helm upgrade --wait`; values so far are kept, `sets` are KEY=VALUE on top, VALUE perhaps JSON."""
        options = [option for value in sets for option in ("--set-json" if as_json else "--set", value)]
        self._helm(
            "upgrade",
            self.name,
            str(chart),
            "--reset-then-reuse-values",
            *options,
            "--wait",
            "--timeout",
            TIMEOUT,
        )

    def rollback(self) -> None:
        """Back to the revision before."""
        self._helm("rollback", self.name, "--wait", "--timeout", TIMEOUT)

    def test(self) -> str:
        """`helm test`; what its pod printed."""
        return self._helm("test", self.name, "--logs", "--timeout", TIMEOUT)

    def uninstall(self) -> None:
        """`helm uninstall --wait`."""
        self._helm("uninstall", self.name, "--wait", "--timeout", TIMEOUT)

    def revision(self) -> dict[str, Any]:
        """Facts of the latest revision, as `helm history` has them."""
        history: list[dict[str, Any]] = json.loads(self._helm("history", self.name, "-o", "json"))
        return history[-1]

    def _helm(self, *arguments: str) -> str:
        return run([helm_program(), *arguments, "--namespace", self.namespace], timeout=400)
