"""Killing a container's first process, and seeing it started again."""

import contextlib
import os
import signal
import socket
from pathlib import Path

from edge_stack.processes.waiting import wait_until

from .kubectl import CommandError, Document, Kubectl


def kill_container(kubectl: Kubectl, pod: str, container: str) -> None:
    """Kill the first process of a container, and wait until Kubernetes has started it again.

    SIGKILL where the node is this machine; else SIGTERM, the most that can be done from inside.
    """
    document = kubectl.get("pod", pod)
    before = _status(document, container)
    at_home = document["spec"]["nodeName"] in _names_of_this_machine(kubectl)
    processes = _processes_of(before["containerID"].rpartition("/")[2]) if at_home else []
    if processes:
        os.kill(min(processes), signal.SIGKILL)
    else:
        with contextlib.suppress(CommandError):  # the command may end with its container
            kubectl.execute(pod, container, "/bin/bash", "-c", "kill 1")

    def look() -> str | None:
        count = _status(kubectl.get("pod", pod), container)["restartCount"]
        return None if count > before["restartCount"] else f"{count} restarts"

    wait_until(f"{container} of {pod} is started again", look, within=90, every=0.3)


def _status(pod: Document, container: str) -> Document:
    statuses = [*pod["status"]["containerStatuses"], *pod["status"].get("initContainerStatuses", [])]
    status: Document = next(one for one in statuses if one["name"] == container)
    return status


def _names_of_this_machine(kubectl: Kubectl) -> set[str]:
    """Nodes whose machine identity is this machine's."""
    own = Path("/etc/machine-id")
    identity = own.read_text().strip() if own.exists() else ""
    names = {socket.gethostname()}
    return names | {
        node["metadata"]["name"]
        for node in kubectl.find("nodes")
        if identity and node["status"]["nodeInfo"]["machineID"] == identity
    }


def _processes_of(container: str) -> list[int]:
    """Ids of this machine's processes in the control group of `container`."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            groups = (folder / "cgroup").read_text()
        except OSError:  # it has ended meanwhile
            continue
        if container in groups:
            found.append(int(folder.name))
    return found
