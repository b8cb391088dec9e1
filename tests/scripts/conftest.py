"""A machine without containers and cluster, to which a test adds what it needs."""

import sys
from pathlib import Path

import pytest

from .stub_programs import Stubs


@pytest.fixture
def machine(tmp_path: Path) -> Stubs:
    return Stubs(tmp_path / "machine", sys.executable)


@pytest.fixture
def cluster(machine: Stubs) -> Stubs:
    """A machine whose kubectl talks to a cluster that pulls its images from registries."""
    machine.program("kubectl")
    machine.program("helm")
    machine.answer("kubectl", "config current-context", "somewhere\n")
    machine.answer("kubectl", "get nodes", "node-a  v1.34.0\nnode-b  v1.34.0\n")
    return machine
