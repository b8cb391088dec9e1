"""cleanup.sh removes the release, and data only when it is allowed to."""

import pytest

from .stub_programs import Stubs

_CLAIMS = "persistentvolumeclaim/ml-platform-models\npersistentvolumeclaim/data-ml-platform-minio-0\n"
_LIST_CLAIMS = "get persistentvolumeclaims --namespace ml-platform --ignore-not-found -o name --selector"


@pytest.fixture
def deployed(cluster: Stubs) -> Stubs:
    """A cluster with the release, two volumes, and nothing else in the namespace."""
    cluster.answer("kubectl", "get namespace ml-platform", "namespace/ml-platform")
    cluster.answer("kubectl", _LIST_CLAIMS, _CLAIMS)
    cluster.answer("kubectl", "get configmaps", "configmap/kube-root-ca.crt\n")
    return cluster


def test_yes_removes_release_volumes_and_namespace(deployed: Stubs) -> None:
    done = deployed.run("cleanup.sh", "--yes")
    assert done.returncode == 0, done.stderr
    assert deployed.calls("helm", "uninstall", "ml-platform")
    volumes, namespace = deployed.calls("kubectl", "delete")
    assert volumes[-2:] == _CLAIMS.split()
    assert namespace[2:4] == ["namespace", "ml-platform"]


def test_the_pod_of_a_failed_test_does_not_keep_the_namespace(deployed: Stubs) -> None:
    selector = "app.kubernetes.io/instance=ml-platform,app.kubernetes.io/component=test"
    listing = f"get pods --namespace ml-platform --ignore-not-found -o name --selector {selector}"
    deployed.answer("kubectl", listing, "pod/ml-platform-test\n")
    assert deployed.run("cleanup.sh", "--yes").returncode == 0
    assert deployed.calls("kubectl", "delete")[0][-1] == "pod/ml-platform-test"


def test_nobody_to_ask_keeps_the_data(deployed: Stubs) -> None:
    done = deployed.run("cleanup.sh")
    assert done.returncode == 0
    assert deployed.calls("helm", "uninstall")
    assert not deployed.calls("kubectl", "delete")
    assert "Say --yes or --keep-data" in done.stderr


def test_keep_data_asks_nothing(deployed: Stubs) -> None:
    done = deployed.run("cleanup.sh", "--keep-data")
    assert done.returncode == 0
    assert "Say --yes" not in done.stderr
    assert not deployed.calls("kubectl", "delete")


def test_a_namespace_with_something_else_in_it_is_kept(deployed: Stubs) -> None:
    deployed.answer("kubectl", "get deployments.apps", "deployment.apps/other\n")
    done = deployed.run("cleanup.sh", "--yes")
    assert "deployment.apps/other" in done.stderr
    assert not deployed.calls("kubectl", "delete", "namespace")


def test_the_default_namespace_is_never_deleted(cluster: Stubs) -> None:
    cluster.answer("kubectl", "get namespace", "namespace/default")
    assert cluster.run("cleanup.sh", "--yes", "--namespace", "default").returncode == 0
    assert not cluster.calls("kubectl", "delete")


def test_a_second_run_finds_nothing_to_do(cluster: Stubs) -> None:
    cluster.answer("helm", "status", code=1)
    done = cluster.run("cleanup.sh", "--yes")
    assert done.returncode == 0
    assert "there is no release ml-platform" in done.stderr
    assert not cluster.calls("helm", "uninstall")
    assert not cluster.calls("kubectl", "delete")


def test_images_are_removed_only_when_asked(deployed: Stubs) -> None:
    deployed.program("docker")
    deployed.run("cleanup.sh", "--yes")
    assert not deployed.calls("docker", "rmi")
    assert deployed.run("cleanup.sh", "--yes", "--images").returncode == 0
    removed = [call[2] for call in deployed.calls("docker", "rmi")]
    assert {"edgeai-client-app:latest", "edgeai-client-app:0.1.0", "model-sync-sidecar:latest"} <= set(
        removed
    )


def test_a_dry_run_changes_nothing(deployed: Stubs) -> None:
    done = deployed.run("cleanup.sh", "--dry-run", "--yes")
    assert done.returncode == 0
    assert "+ helm uninstall ml-platform" in done.stderr
    assert "+ kubectl delete" in done.stderr
    assert not deployed.calls("helm", "uninstall")
    assert not deployed.calls("kubectl", "delete")
