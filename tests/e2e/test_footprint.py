"""How large the images are, and what idle pods use. Measured, not judged."""

from datetime import datetime, timedelta

from edge_stack.processes.waiting import wait_until

from .facts import Facts
from .kubectl import Document
from .platform import Platform

IMAGES = ("edgeai-ovms-lite", "model-sync-sidecar", "edgeai-client-app")
STORE = "silo"
SETTLING = timedelta(seconds=40)


def test_images_have_a_size(platform: Platform, facts: Facts) -> None:
    def look() -> str | None:
        for node in platform.kubectl.find("nodes"):
            facts.cluster = f"Kubernetes {node['status']['nodeInfo']['kubeletVersion']}"
            for image in node["status"]["images"]:
                for name in (*IMAGES, STORE):
                    if any(name in one for one in image["names"] or ()):
                        facts.image_bytes[name] = image["sizeBytes"]
        missing = [name for name in IMAGES if name not in facts.image_bytes]
        return f"no node tells of {missing}" if missing else None

    wait_until("the nodes tell of the images", look, within=240, every=2)


def test_idle_pods_use_little(platform: Platform, facts: Facts) -> None:
    path = f"/apis/metrics.k8s.io/v1beta1/namespaces/{platform.kubectl.namespace}/pods"
    wanted = {platform.pods(component)[0]: component for component in ("server", "client", "minio")}
    settled = {
        pod: _ready_since(platform.kubectl.get("pod", pod)) + SETTLING for pod in wanted
    }  # a start is no idling

    def look() -> str | None:
        for pod in platform.kubectl.raw(path)["items"]:
            name = pod["metadata"]["name"]
            if name not in wanted or datetime.fromisoformat(pod["timestamp"]) < settled[name]:
                continue
            component = wanted[name]
            for container in pod["containers"]:
                memory, cpu = container["usage"]["memory"], container["usage"]["cpu"]
                facts.idle[f"{component}: {container['name']}"] = (mebibytes(memory), cores(cpu))
        missing = [
            component
            for component in wanted.values()
            if not any(key.startswith(component) for key in facts.idle)
        ]
        return f"no metrics of {missing}" if missing else None

    wait_until("metrics of all pods", look, within=120, every=2)


def _ready_since(pod: Document) -> datetime:
    conditions = {one["type"]: one["lastTransitionTime"] for one in pod["status"]["conditions"]}
    return datetime.fromisoformat(conditions["Ready"])


def mebibytes(quantity: str) -> float:
    """Kubernetes' quantity of memory in MiB."""
    for unit, factor in {"Ki": 1 / 1024, "Mi": 1.0, "Gi": 1024.0}.items():
        if quantity.endswith(unit):
            return float(quantity.removesuffix(unit)) * factor
    return float(quantity) / 2**20


def cores(quantity: str) -> float:
    """Kubernetes' quantity of processor time in cores."""
    for unit, factor in {"n": 1e-9, "u": 1e-6, "m": 1e-3}.items():
        if quantity.endswith(unit):
            return float(quantity.removesuffix(unit)) * factor
    return float(quantity)
