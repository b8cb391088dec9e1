"""deploy.sh and cleanup.sh on the cluster, with images that are there already."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .kubectl import CommandError, Kubectl
from .release import ROOT, Release

NAMESPACE = "edge-ai-e2e-scripts"


def _script(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def namespace() -> Iterator[Kubectl]:
    own = Kubectl(NAMESPACE)
    yield own
    own.run("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=120s")


def test_deploy_and_cleanup(namespace: Kubectl, values_files: list[Path]) -> None:
    values = [word for file in values_files for word in ("--values", str(file))]
    deploy = ["./deploy.sh", "--runtime", "lite", "--no-load", "--namespace", NAMESPACE, *values]
    printed = _script(*deploy)
    assert "http://localhost:8080" in printed
    _script(*deploy)  # again, over itself
    assert "2/2" in namespace.run("get", "pods")
    with pytest.raises(CommandError, match="has no models"):
        Release("ml-platform", NAMESPACE, []).test()
    cleanup = ["./cleanup.sh", "--namespace", NAMESPACE]
    kept = _script(*cleanup)
    assert "kept" in kept
    assert "data-ml-platform-minio-0" in namespace.run("get", "pvc")
    _script(*cleanup, "--yes")
    assert namespace.run("get", "namespace", NAMESPACE, "--ignore-not-found") == ""
    _script(*cleanup, "--yes")  # nothing left is no error
