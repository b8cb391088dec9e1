"""What holds for every pod of every values file: Pod Security restricted, and more."""

from pathlib import Path

import pytest

from .charts import VALUES_FILES, containers, pod_specs, render

ALLOWED_VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim",
    "projected", "secret",
}  # fmt: skip
EVERYTHING = next(path for path in VALUES_FILES if path.stem == "everything-values")

each_values_file = pytest.mark.parametrize("values", VALUES_FILES, ids=lambda path: path.stem)


@each_values_file
def test_pods_pass_pod_security_restricted(values: Path) -> None:
    for name, spec in pod_specs(render(values)):
        security = spec["securityContext"]
        assert security["runAsNonRoot"] is True, name
        assert security["runAsUser"] > 0, name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), name
        for volume in spec.get("volumes", []):
            assert set(volume) - {"name"} <= ALLOWED_VOLUMES, (name, volume)
        for container in containers(spec):
            own = container["securityContext"]
            assert own["allowPrivilegeEscalation"] is False, (name, container["name"])
            assert own["capabilities"] == {"drop": ["ALL"]}, (name, container["name"])


@each_values_file
def test_roots_are_read_only_and_no_token_is_mounted(values: Path) -> None:
    documents = render(values)
    for name, spec in pod_specs(documents):
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["enableServiceLinks"] is False, name
        assert all(c["securityContext"]["readOnlyRootFilesystem"] for c in containers(spec)), name
    for account in (document for document in documents if document["kind"] == "ServiceAccount"):
        assert account["automountServiceAccountToken"] is False


@each_values_file
def test_nobody_gets_rights_in_the_cluster(values: Path) -> None:
    assert not {document["kind"] for document in render(values)} & {
        "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding",
    }  # fmt: skip


@each_values_file
def test_every_container_has_requests_and_a_memory_limit(values: Path) -> None:
    for name, spec in pod_specs(render(values)):
        for container in containers(spec):
            resources = container["resources"]
            assert {"cpu", "memory"} <= resources["requests"].keys(), (name, container["name"])
            assert "memory" in resources["limits"], (name, container["name"])


@each_values_file
def test_no_image_is_latest_and_no_variable_comes_twice(values: Path) -> None:
    for name, spec in pod_specs(render(values)):
        for container in containers(spec):
            image = container["image"]
            assert ":" in image.rpartition("/")[2], (name, image)
            assert not image.endswith(":latest"), (name, image)
            variables = [entry["name"] for entry in container.get("env", [])]
            assert len(variables) == len(set(variables)), (name, container["name"])


def test_a_common_registry_is_used_by_every_pod() -> None:
    images = {c["image"] for _, spec in pod_specs(render(EVERYTHING)) for c in containers(spec)}

    assert all(image.startswith("mirror.example.com/edge/") for image in images), images


def test_everything_bears_the_labels_of_the_release() -> None:
    for document in render(EVERYTHING):
        labels = document["metadata"].get("labels", {})
        if document["metadata"]["name"] == "ml-platform-extra":
            continue
        assert labels["app.kubernetes.io/instance"] == "ml-platform", document["metadata"]
        assert labels["app.kubernetes.io/part-of"] == "edge-ai-car-classification", document["metadata"]
        assert labels["team"] == "vision", document["metadata"]


@pytest.mark.parametrize("release", ["r", "a" * 53, "edge-ai-car-classification"])
def test_names_fit_whatever_the_release_is_called(release: str) -> None:
    names = [document["metadata"]["name"] for document in render(EVERYTHING, release=release)]

    assert max(map(len, names)) <= 63
    assert not any(name.endswith("-") for name in names)


def test_names_are_the_documented_ones() -> None:
    names = {(document["kind"], document["metadata"]["name"]) for document in render()}

    assert ("Deployment", "ml-platform-edge-ai-car-classification-server") in names
    assert ("Deployment", "ml-platform-edge-ai-car-classification-client") in names
    assert ("Service", "ml-platform-minio") in names
    assert ("Service", "ml-platform-minio-console") in names
