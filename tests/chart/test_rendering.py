"""Every values file in ci/ and examples/ renders to manifests that Kubernetes takes, under both Helms."""

from pathlib import Path

import pytest

from .charts import CHART, HELMS, ROOT, VALUES_FILES, render, render_text, run, tool

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
        documents = render(values, sets=["events.token=given"], helm=helm)
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


def test_without_a_token_each_rendering_makes_one() -> None:
    def token() -> str:
        secret = next(d for d in render() if d["metadata"]["name"] == "ml-platform-minio-events")
        return str(secret["stringData"]["MINIO_NOTIFY_WEBHOOK_AUTH_TOKEN_1"])

    assert len(token()) == 32
    assert token() != token()


def test_an_older_kubernetes_is_refused() -> None:
    refused = run([tool("helm"), "template", CHART, "--kube-version", "v1.29.9"])

    assert "requires kubeVersion: >=1.30.0-0" in refused.stderr
