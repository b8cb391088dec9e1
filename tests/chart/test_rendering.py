"""Every values file in ci/ and examples/ renders to manifests that Kubernetes takes, under both Helms."""

import json
from pathlib import Path

import pytest
import yaml

from .charts import CHART, HELMS, ROOT, VALUES_FILES, containers, pod_specs, render, render_text, run, tool

SCHEMAS = ROOT / ".local" / "chart-schemas"
_SCHEMA = f"{SCHEMAS}/{{{{ .Group }}}}_{{{{ .ResourceAPIVersion }}}}_{{{{ .ResourceKind }}}}.json"

each_values_file = pytest.mark.parametrize("values", VALUES_FILES, ids=lambda path: path.stem)
each_helm = pytest.mark.parametrize("helm", HELMS)


@each_values_file
def test_kubernetes_knows_every_field(values: Path, tmp_path: Path) -> None:
    manifests = tmp_path / "manifests.yaml"
    manifests.write_text(render_text(values))

    checked = run([tool("kubeconform"), "-strict", "-summary", "-schema-location", _SCHEMA, manifests])

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "Skipped: 0" in checked.stdout


@each_values_file
def test_helm_3_and_helm_4_render_the_same(values: Path) -> None:
    def without_generated(helm: str) -> list[str]:
        given = ["events.token=given", "objectStore.auth.accessKey=a", "objectStore.auth.secretKey=given"]
        documents = render(values, sets=given, helm=helm)
        return sorted(map(repr, documents))

    assert without_generated("helm") == without_generated("helm3")


@each_helm
def test_lint_has_nothing_to_say(helm: str) -> None:
    linted = run([tool(helm), "lint", "--strict", CHART])

    assert linted.returncode == 0, linted.stdout
    assert "[WARNING]" not in linted.stdout


def test_the_same_values_give_the_same_manifests() -> None:
    sets = ["events.token=given"]

    assert render_text(sets=sets) == render_text(sets=sets)


def _token(*sets: str) -> str:
    secret = next(
        d for d in render(sets=sets) if d["metadata"]["name"].endswith("-events") and d["kind"] == "Secret"
    )
    return str(secret["stringData"]["token"])


def test_a_token_that_follows_from_the_stores_password_is_the_same_at_each_rendering() -> None:
    assert len(_token()) == 32
    assert _token() == _token()
    assert _token("minio.auth.rootPassword=another1") != _token()


def test_without_a_password_in_the_values_each_rendering_makes_a_token() -> None:
    assert _token("minio.auth.existingSecret=mine") != _token("minio.auth.existingSecret=mine")


def test_the_sidecars_user_may_do_what_operations_md_says_and_hear_of_changes() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    documented, _ = json.JSONDecoder().raw_decode(text[text.index('{"Version": "2012-10-17"') :])
    documented["Statement"][0]["Action"].append("s3:ListenBucketNotification")
    job = next(d for d in render() if "-users-" in d["metadata"]["name"])
    (container,) = job["spec"]["template"]["spec"]["containers"]
    values = {entry["name"]: entry.get("value", "") for entry in container["env"]}

    assert json.loads(values["SERVER_POLICY"]) == documented


def test_only_jobs_and_the_store_itself_have_the_administrators_keys() -> None:
    for document in render(sets=["client.source=s3://pictures/gate"]):
        if document["kind"] == "Deployment":
            assert "ml-platform-minio'" not in repr(document["spec"]), document["metadata"]["name"]


def test_what_the_cluster_does_not_know_is_left_out() -> None:
    production = next(path for path in VALUES_FILES if path.stem == "values-prod")
    text = render_text(
        production,
        sets=["client.httpRoute.enabled=true", "client.httpRoute.parentRefs[0].name=g"],
        api_versions=(),
    )
    for kind in ("ServiceMonitor", "PrometheusRule", "HTTPRoute"):
        assert f"kind: {kind}" not in text


@pytest.mark.parametrize(
    "value",
    [
        "imagePullSecrets[0]=registry",
        "global.commonLabels.team=edge",
        "jobs.tolerations[0].key=a",
        "events.token=new",
    ],
)
def test_a_job_has_another_name_whenever_its_pod_differs(value: str) -> None:
    def jobs(*sets: str) -> dict[str, str]:
        found = [document for document in render(sets=sets) if document["kind"] == "Job"]
        return {job["metadata"]["name"]: repr(job["spec"]["template"]) for job in found}

    before, after = jobs(), jobs(value)
    assert before.keys() - after.keys()
    assert after.keys() - before.keys()
    assert all(before[name] == after[name] for name in before.keys() & after.keys())


def test_a_changed_token_starts_the_pods_anew_that_read_it() -> None:
    def checksum(token: str) -> str:
        documents = render(sets=[f"events.token={token}"])
        server = next(
            d for d in documents if d["kind"] == "Deployment" and d["metadata"]["name"].endswith("-server")
        )
        return str(server["spec"]["template"]["metadata"]["annotations"]["checksum/events"])

    assert checksum("one") == checksum("one")
    assert checksum("one") != checksum("two")


@pytest.mark.parametrize("example", ["argocd-application", "flux-helmrelease"])
def test_an_example_of_gitops_has_values_that_the_chart_takes(example: str, tmp_path: Path) -> None:
    documents = list(yaml.safe_load_all((CHART / "examples" / f"{example}.yaml").read_text()))
    spec = documents[-1]["spec"]
    values = spec["values"] if "values" in spec else spec["source"]["helm"]["valuesObject"]
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values))

    images = {container["image"] for _, pod in pod_specs(render(file)) for container in containers(pod)}
    assert "openvino/model_server:2026.2.1" in images
    assert not any("minioadmin" in repr(document) for document in render(file))


def test_the_example_of_three_nodes_spreads_its_pods_over_the_claim_that_it_makes() -> None:
    folder = CHART / "examples" / "three-nodes"
    claim = list(yaml.safe_load_all((folder / "volume.yaml").read_text()))[1]
    documents = render(folder / "values.yaml")
    deployments = (d for d in documents if d["kind"] == "Deployment")
    server = next(d["spec"] for d in deployments if d["metadata"]["name"].endswith("-server"))
    pod = server["template"]["spec"]

    assert server["replicas"] == sum(
        node["role"] == "worker" for node in yaml.safe_load((folder / "kind.yaml").read_text())["nodes"]
    )
    assert {"name": "models", "persistentVolumeClaim": {"claimName": claim["metadata"]["name"]}} in pod[
        "volumes"
    ]
    assert len(pod["topologySpreadConstraints"]) == 2
    assert any(d["kind"] == "PodDisruptionBudget" for d in documents)


def test_an_older_kubernetes_is_refused() -> None:
    refused = run([tool("helm"), "template", CHART, "--kube-version", "v1.29.9"])

    assert "requires kubeVersion: >=1.30.0-0" in refused.stderr
