"""Values: typos and contradictions are refused, and every key is described, checked and used."""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import pytest
import yaml
from model_sync.settings import Settings

from .charts import CHART, SUBCHART, RefusedError, render

CHARTS = (CHART, SUBCHART)
PROD = CHART / "examples" / "values-prod.yaml"
SET_BY_THE_CHART = {
    "s3_endpoint", "s3_region", "s3_access_key", "s3_secret_key", "s3_session_token", "s3_ca_file",
    "s3_addressing", "bucket", "prefix", "create_bucket", "models_dir", "ovms_url", "http_host", "http_port",
    "sync_token", "api_token", "trusted_keys", "instance",
}  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("server.replicas=3", "additional properties 'replicas' not allowed"),
        ("sever.replicaCount=3", "additional properties 'sever' not allowed"),
        ("server.replicaCount=three", "/server/replicaCount"),
        ("server.replicaCount=-1", "minimum"),
        ("server.runtime=onnx", "/server/runtime"),
        ("server.ovms.image.tag=1", "/server/ovms/image"),
        ("server.sidecar.image=", "/server/sidecar/image"),
        ("client.image=UPPER", "/client/image"),
        ("server.sidecar.settings.pol_interval=3", "additional properties 'pol_interval' not allowed"),
        ("server.sidecar.env.MODEL_SYNC_BUCKET=x", "/server/sidecar/env"),
        ("client.env.CAR_CLIENT_SOURCE=x", "/client/env"),
        ("minio.env.MINIO_ROOT_USER=x", "/minio/env"),
        ("server.ovms.resources.requests.memory=lots", "/server/ovms/resources/requests/memory"),
        ("persistence.mode=perpod", "/persistence/mode"),
        ("persistence.accessMode=RWX", "/persistence/accessMode"),
        ("objectStore.endpoint=minio:9000", "/objectStore/endpoint"),
        ("objectStore.bucket=Big_Bucket", "/objectStore/bucket"),
        ("objectStore.prefix=team", "/objectStore/prefix"),
        ("client.source=pictures", "/client/source"),
        ("client.pageAddresses=all", "/client/pageAddresses"),
        ("client.env.CAR_CLIENT_PAGE_ADDRESSES=any", "/client/env"),
        ("minio.rootUser=x", "additional properties 'rootUser' not allowed"),
        ("imagePullPolicy=Sometimes", "/imagePullPolicy"),
        ("seed.models[0].name=a", "version"),
        ("monitoring.prometheusRule.runbookBaseUrl=docs", "runbookBaseUrl"),
    ],
)
def test_the_schema_refuses(wrong: str, said: str) -> None:
    with pytest.raises(RefusedError, match=re.escape(said)):
        render(sets=[wrong])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["minio.enabled=false"], "there is no object store"),
        (["minio.auth.rootPassword=short"], "at least 8 characters"),
        (["minio.auth.rootUser=ab"], "at least 3 characters"),
        (["objectStore.auth.accessKey=a"], "go together"),
        (["persistence.accessMode=ReadWriteOncePod", "server.replicaCount=2"], "serves one pod"),
        (
            ["persistence.accessMode=ReadWriteOncePod", "server.autoscaling.enabled=true"],
            "serves one pod",
        ),
        (["persistence.mode=perPod", "persistence.existingClaim=x"], "one volume for all pods"),
        (["persistence.chown=true", "global.openshift=true"], "give the export the right owner"),
        (["server.autoscaling.enabled=true", "server.autoscaling.minReplicas=9"], "more than maxReplicas"),
        (["server.autoscaling.enabled=true", "server.ovms.resources.requests.cpu=null"], "set it"),
        (["server.preStopSleepSeconds=60"], "cut off"),
        (["client.ingress.enabled=true"], "has no host"),
        (["client.source=/pictures"], "no client.extraVolumeMounts"),
        (
            [
                "client.source=/in",
                "client.extraVolumeMounts[0].name=a",
                "client.extraVolumeMounts[0].mountPath=/i",
            ],
            "no client.extraVolumeMounts",
        ),
        (["client.httpRoute.enabled=true"], "has no Gateway"),
        (["server.sidecar.settings.signatures=verify"], "no key is trusted"),
        (["seed.enabled=true"], "seed needs a volume"),
        (["allowDefaultCredentials=false"], "well-known default credentials"),
    ],
)
def test_what_cannot_work_is_refused_with_a_sentence(wrong: list[str], said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        render(sets=wrong)


@pytest.mark.parametrize("user", ["minioadmin", "somebody"])
def test_the_production_values_refuse_the_well_known_password(user: str) -> None:
    with pytest.raises(RefusedError, match="well-known default credentials"):
        render(PROD, sets=["minio.auth.existingSecret=", f"minio.auth.rootUser={user}"])


def test_the_production_values_put_no_credentials_into_manifests() -> None:
    text = repr(render(PROD))

    assert "minioadmin" not in text
    assert "'name': 'edge-ai-store', 'key': 'rootPassword'" in text


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
def test_every_value_is_described_in_one_sentence_or_more(chart: Any) -> None:
    lines = (chart / "values.yaml").read_text().splitlines()
    for number, line in enumerate(lines):
        described = line.strip().startswith("# --")
        if described:
            following = next(text for text in lines[number:] if not text.strip().startswith("#"))
            comment = lines[number : lines.index(following, number)]
            assert comment[-1].rstrip().endswith((".", "…")), comment
    undescribed = [
        line
        for before, line in pairwise(lines)
        if re.match(r"\s*\w+: \S", line) and not before.strip().startswith("#")
    ]
    nested = ("cpu:", "memory:", "stabilizationWindowSeconds:", "grafana_dashboard:", "cidr:")
    assert [line for line in undescribed if not line.strip().startswith(nested)] == []


def test_the_first_sixty_lines_show_what_a_newcomer_sets_with_its_real_defaults() -> None:
    lines = (CHART / "values.yaml").read_text().splitlines()[:60]
    shown = yaml.safe_load("\n".join(line[6:] for line in lines if line.startswith("#     ")))
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    values["minio"] = {**yaml.safe_load((SUBCHART / "values.yaml").read_text()), **values["minio"]}

    assert {"server", "client", "persistence", "objectStore", "minio", "networkPolicy"} <= shown.keys()
    for path in _leaves(shown):
        default, told = values, shown
        for key in path:
            default, told = default[key], told[key]
        assert told == default, ".".join(path)


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
def test_schema_and_values_have_the_same_keys(chart: Any) -> None:
    schema = json.loads((chart / "values.schema.json").read_text())
    values = yaml.safe_load((chart / "values.yaml").read_text())
    passed_on = {"global", "enabled"} if chart == SUBCHART else set()

    assert _unlike(schema, values, "", schema["definitions"]) - passed_on == set()


def test_every_value_is_read_by_a_template() -> None:
    for chart in CHARTS:
        templates = "".join(path.read_text() for path in chart.rglob("templates/**/*") if path.is_file())
        for path in _leaves(yaml.safe_load((chart / "values.yaml").read_text())):
            if chart == CHART and path[:1] == ("minio",):
                continue  # the subchart's test
            assert re.search(rf"\.{path[-1]}\b", templates), f"no template of {chart.name} reads {path}"


def test_the_sidecars_settings_are_those_of_the_sidecar() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    settings = schema["properties"]["server"]["properties"]["sidecar"]["properties"]["settings"]

    assert set(settings["properties"]) == set(Settings.model_fields) - SET_BY_THE_CHART


def _leaves(values: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in values.items():
        if (
            isinstance(value, dict)
            and value
            and key not in {"requests", "limits", "behavior", "labels", "resources"}
        ):
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key)


def _unlike(
    schema: Mapping[str, Any], values: Mapping[str, Any], path: str, definitions: Mapping[str, Any]
) -> set[str]:
    """Dotted keys that only one of the two has; the bundled store's own values are its own affair."""
    if path == "minio.":
        return {f"{path}{key}" for key in values.keys() - schema["properties"].keys()}
    known = schema["properties"]
    found = {f"{path}{key}" for key in known.keys() ^ values.keys()}
    for key in known.keys() & values.keys():
        reference = known[key].get("$ref", "").rpartition("/")[2]
        inner = definitions[reference] if reference else known[key]
        if "properties" in inner and isinstance(values[key], dict) and key not in {"resources", "settings"}:
            found |= _unlike(inner, values[key], f"{path}{key}.", definitions)
    return found
