"""One installation for all tests, in the order of a life: installed, used, hurt, changed, removed."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .bucket import Bucket
from .facts import Facts
from .kubectl import Kubectl, run
from .platform import Platform
from .release import CHART, PREVIOUS, Release, helm_program, package
from .uploads import SAMPLE_MODEL, sample_model
from .visitors import ADMITTED, Visitor, start_visitor

_HERE = Path(__file__).parent
_ORDER = [
    "test_installed", "test_models", "test_network", "test_readme", "test_outages", "test_replicas",
    "test_upgrades", "test_second_day", "test_footprint", "test_autoscaling", "test_uninstalled",
    "test_scripts",
]  # fmt: skip
NAMESPACE = "edge-ai-e2e"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    own = [item for item in items if item.path.is_relative_to(_HERE)]
    for item in own:
        item.add_marker(pytest.mark.e2e)
        item.add_marker(pytest.mark.timeout(600))
    own.sort(key=lambda item: _ORDER.index(item.path.stem))
    items[:] = [item for item in items if not item.path.is_relative_to(_HERE)] + own


@pytest.fixture(scope="session")
def facts() -> Iterator[Facts]:
    """What was measured; written to the file that E2E_FACTS names."""
    measured = Facts()
    yield measured
    if path := os.environ.get("E2E_FACTS"):
        measured.write(Path(path))


@pytest.fixture(scope="session")
def values_files() -> list[Path]:
    """Values of every installation: the tests' own, then those of E2E_VALUES, such as the names of images."""
    return [_HERE / "values.yaml", *(Path(name) for name in os.environ.get("E2E_VALUES", "").split())]


@pytest.fixture(scope="session")
def kubectl() -> Iterator[Kubectl]:
    """A namespace of its own that enforces Pod Security restricted; it is deleted in the end."""
    assert os.environ.get("KUBECONFIG"), (
        "KUBECONFIG names no cluster; run `make e2e`, which says how to provide one"
    )
    own = Kubectl(NAMESPACE)
    left = own.run("get", "namespace", NAMESPACE, "--ignore-not-found", "-o", "name")
    assert not left, f"there is a namespace {NAMESPACE} already; delete it if it is of an earlier run"
    own.apply(
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
        }
    )
    yield own
    if not os.environ.get("E2E_KEEP"):
        own.run("delete", "namespace", NAMESPACE, "--timeout=120s")


@pytest.fixture(scope="session")
def platform(
    kubectl: Kubectl, values_files: list[Path], facts: Facts, tmp_path_factory: pytest.TempPathFactory
) -> Platform:
    """The platform, installed as an earlier version of the chart, with the sample model as its first one."""
    run([helm_program(), "dependency", "update", str(CHART)])
    release = Release("ml-platform", NAMESPACE, values_files)
    previous = package(tmp_path_factory.mktemp("previous"), PREVIOUS)
    own = Platform(kubectl, release, Bucket(kubectl, release.name), previous)
    model = sample_model()
    begun = time.monotonic()
    release.install(previous)
    facts.seconds["helm install --wait until all is ready"] = time.monotonic() - begun
    uploading = time.monotonic()
    own.bucket.upload(SAMPLE_MODEL, 1, model)
    own.wait_for_inference(SAMPLE_MODEL, 1)
    facts.seconds["upload of the sample model until the client's first inference"] = (
        time.monotonic() - uploading
    )
    facts.seconds["helm install until the first inference, upload included"] = time.monotonic() - begun
    return own


@pytest.fixture(scope="session")
def client_image(platform: Platform) -> str:
    """Image of the client pods."""
    deployment = platform.kubectl.get("deployment", f"{platform.fullname}-client")
    image: str = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    return image


@pytest.fixture(scope="session")
def caller(platform: Platform, client_image: str) -> Visitor:
    """A pod that the network policies admit to the server."""
    return start_visitor(platform.kubectl, "e2e-caller", ADMITTED, client_image, platform.server_url())


@pytest.fixture(scope="session")
def stranger(platform: Platform, client_image: str) -> Visitor:
    """A pod that nobody admits."""
    return start_visitor(platform.kubectl, "e2e-stranger", {}, client_image, platform.server_url())
