"""deploy.sh brings images into local clusters and installs the chart."""

import socket
from pathlib import Path

import pytest

from .stub_programs import Stubs, values_of


def _install(machine: Stubs) -> list[str]:
    (call,) = machine.calls("helm", "upgrade")
    return call


def test_the_published_images_are_used_without_loading_any(cluster: Stubs) -> None:
    cluster.program("docker")
    done = cluster.run("deploy.sh", "--dockerhub", "--namespace", "cars")
    assert done.returncode == 0, done.stderr
    call = _install(cluster)
    assert call[:4] == ["helm", "upgrade", "--install", "ml-platform"]
    assert values_of(call, "--namespace") == ["cars"]
    assert "--create-namespace" in call
    assert "--wait" in call
    assert values_of(call, "--set") == [
        "server.ovms.image=adithyazededa/edgeai-ovms-server:latest",
        "server.sidecar.image=adithyazededa/edgeai-model-sync-sidecar:latest",
        "client.image=adithyazededa/edgeai-client-app:latest",
    ]
    assert not cluster.calls("docker", "save")


def test_dependencies_are_updated_first(cluster: Stubs) -> None:
    cluster.run("deploy.sh", "--no-load")
    assert [call[1] for call in cluster.calls("helm")] == ["dependency", "upgrade"]


def test_local_images_have_the_version_of_the_chart(cluster: Stubs) -> None:
    done = cluster.run("deploy.sh", "--runtime", "lite")
    assert values_of(_install(cluster), "--set") == [
        "server.ovms.image=edgeai-ovms-lite:0.1.0",
        "server.sidecar.image=edgeai-model-sync-sidecar:0.1.0",
        "client.image=edgeai-client-app:0.1.0",
        "server.runtime=lite",
    ]
    assert "no image is loaded" in done.stderr


def test_values_files_and_settings_are_passed_on(cluster: Stubs) -> None:
    file = cluster.folder / "mine.yaml"
    file.write_text("")
    cluster.run("deploy.sh", "--values", str(file), "--set", "client.replicaCount=2")
    assert values_of(_install(cluster), "--values") == [str(file)]
    assert "client.replicaCount=2" in values_of(_install(cluster), "--set")


def test_kind_gets_archives_of_its_own_cluster(cluster: Stubs) -> None:
    cluster.program("docker")
    cluster.program("kind")
    cluster.answer("kubectl", "config current-context", "kind-cars\n")
    assert cluster.run("deploy.sh").returncode == 0
    saved = [call[-1] for call in cluster.calls("docker", "save")]
    assert saved == ["edgeai-ovms-server:0.1.0", "edgeai-model-sync-sidecar:0.1.0", "edgeai-client-app:0.1.0"]
    loaded = cluster.calls("kind", "load", "image-archive")
    assert len(loaded) == 3
    assert all(values_of(call, "--name") == ["cars"] for call in loaded)


def test_minikube_gets_images_that_podman_built_under_the_names_kubernetes_uses(cluster: Stubs) -> None:
    cluster.program("podman")
    cluster.program("minikube")
    cluster.answer("kubectl", "config current-context", "minikube\n")
    cluster.answer("kubectl", "get nodes", "minikube minikube v1.34.0\n")
    assert cluster.run("deploy.sh").returncode == 0
    assert cluster.calls("podman", "save")[0][-1] == "docker.io/library/edgeai-ovms-server:0.1.0"
    assert len(cluster.calls("minikube", "--profile", "minikube", "image", "load")) == 3


def test_k3s_gets_images_that_buildah_built(cluster: Stubs) -> None:
    cluster.program("buildah")
    cluster.program("k3s")
    cluster.program("sudo")
    cluster.answer("kubectl", "get nodes", "edge  v1.34.0+k3s1\n")
    assert cluster.run("deploy.sh").returncode == 0
    pushed = cluster.calls("buildah", "push")
    assert pushed[0][-1].endswith(":docker.io/library/edgeai-ovms-server:0.1.0")
    assert len(cluster.calls("k3s", "ctr", "images", "import") + cluster.calls("sudo", "k3s", "ctr")) == 3


def test_a_cluster_of_this_machine_gets_images_through_containerd(cluster: Stubs) -> None:
    cluster.program("docker")
    cluster.program("ctr")
    cluster.program("sudo")
    cluster.answer("kubectl", "get nodes", f"{socket.gethostname()}  v1.34.0\n")
    assert cluster.run("deploy.sh").returncode == 0
    assert len(cluster.calls("ctr", "--namespace", "k8s.io") + cluster.calls("sudo", "ctr")) == 3


def test_a_cluster_of_this_machine_is_known_by_its_identity_too(cluster: Stubs) -> None:
    identity = Path("/etc/machine-id").read_text().strip()
    cluster.program("docker")
    cluster.program("ctr")
    cluster.program("sudo")
    cluster.answer("kubectl", "get nodes", "another-name  v1.34.0\n")
    cluster.answer("kubectl", "get nodes -o jsonpath={.items[0].status.nodeInfo.machineID}", identity)
    assert cluster.run("deploy.sh").returncode == 0
    assert len(cluster.calls("ctr", "--namespace", "k8s.io") + cluster.calls("sudo", "ctr")) == 3


def test_an_image_that_was_not_built_is_named_before_anything_is_installed(cluster: Stubs) -> None:
    cluster.answer("docker", "image inspect", code=1)
    cluster.program("kind")
    cluster.answer("kubectl", "config current-context", "kind-cars\n")
    done = cluster.run("deploy.sh")
    assert done.returncode == 1
    assert "docker has no image edgeai-ovms-server:0.1.0; build it first (./build.sh)" in done.stderr
    assert not cluster.calls("helm", "upgrade")


def test_a_registry_is_pulled_from(cluster: Stubs) -> None:
    cluster.program("kind")
    cluster.answer("kubectl", "config current-context", "kind-cars\n")
    assert cluster.run("deploy.sh", REGISTRY="somebody").returncode == 0
    assert "client.image=somebody/edgeai-client-app:latest" in values_of(_install(cluster), "--set")
    assert not cluster.calls("kind")


def test_addresses_are_printed(cluster: Stubs) -> None:
    cluster.answer(
        "kubectl",
        "get services --namespace ml-platform --selector app.kubernetes.io/instance=ml-platform,",
        "it-client",
    )
    cluster.answer("kubectl", "get service ml-platform-minio-console", "service/ml-platform-minio-console")
    done = cluster.run("deploy.sh")
    assert "svc/it-client 8080:8080" in done.stdout
    assert "svc/ml-platform-minio-console 9001:9001" in done.stdout


def test_no_console_is_named_where_the_store_is_another(cluster: Stubs) -> None:
    done = cluster.run("deploy.sh")
    assert done.returncode == 0
    assert "9001" not in done.stdout


def test_what_is_not_ready_in_time_fails_and_shows_pods_and_events(cluster: Stubs) -> None:
    cluster.answer("helm", "upgrade", code=1)
    done = cluster.run("deploy.sh", "--timeout", "1m")
    assert done.returncode == 1
    assert "it is not ready after 1m" in done.stderr
    assert cluster.calls("kubectl", "get", "pods")
    assert cluster.calls("kubectl", "get", "events")


def test_a_dry_run_changes_nothing(cluster: Stubs) -> None:
    done = cluster.run("deploy.sh", "--dry-run")
    assert done.returncode == 0
    assert "+ helm upgrade --install ml-platform" in done.stderr
    assert not cluster.calls("helm")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--runtime", "triton"], "--runtime is ovms or lite, not 'triton'"),
        (["--values", "none.yaml"], "there is no values file none.yaml"),
        (["--namespace"], "--namespace needs a value"),
    ],
)
def test_wrong_options_are_refused(cluster: Stubs, arguments: list[str], sentence: str) -> None:
    done = cluster.run("deploy.sh", *arguments)
    assert done.returncode == 64
    assert sentence in done.stderr
    assert not cluster.calls("helm")


def test_a_missing_program_and_a_missing_cluster_are_told_apart(machine: Stubs) -> None:
    machine.program("kubectl")
    missing = machine.run("deploy.sh")
    assert (missing.returncode, "helm is not on PATH" in missing.stderr) == (69, True)
    machine.program("helm")
    machine.answer("kubectl", "version", code=1)
    silent = machine.run("deploy.sh")
    assert (silent.returncode, "no cluster answers kubectl" in silent.stderr) == (69, True)
