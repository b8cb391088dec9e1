"""Alerts and dashboard: only metrics that the programs export, and a runbook for every alert."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from car_client.metrics import ClientMetrics
from model_sync.metrics import Metrics
from ovms_lite.serving.metrics import _KINDS as OVMS_FAMILIES
from prometheus_client import CollectorRegistry

from .charts import CHART, ROOT, render

ALERTS = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(CHART.glob("files/alerts/*.yaml"))}
DASHBOARD = json.loads((CHART / "files" / "dashboards" / "platform.json").read_text())
RUNBOOKS = (ROOT / "docs" / "runbooks" / "README.md").read_text()
HISTOGRAM_PARTS = ("_bucket", "_sum", "_count")


def exported() -> set[str]:
    """Names of all series of the sidecar, the client and the model server."""
    names = {f"{name}{part}" for name in OVMS_FAMILIES for part in ("", *HISTOGRAM_PARTS)}
    for registry in (Metrics().registry, ClientMetrics().registry):
        names |= set(_series(registry))
    return names


def _series(registry: CollectorRegistry) -> Iterator[str]:
    for family in registry.collect():
        parts = {"histogram": HISTOGRAM_PARTS, "counter": ("_total",), "info": ("_info",)}
        yield from (f"{family.name}{part}" for part in parts.get(family.type, ("",)))


def metrics_in(expression: str) -> set[str]:
    """Metrics that a PromQL expression reads."""
    return set(re.findall(r"\b(?:model_sync|inference_client|ovms)_\w+", expression))


def panels() -> Iterator[dict[str, Any]]:
    """Panels of the dashboard that show something."""
    yield from (panel for panel in DASHBOARD["panels"] if panel["type"] != "row")


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_reads_metrics_that_exist_and_has_a_runbook(name: str) -> None:
    alert = ALERTS[name]

    assert metrics_in(alert["expr"]), name
    assert metrics_in(alert["expr"]) <= exported()
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert alert["annotations"].keys() == {"summary", "description"}
    assert f"\n## {alert['alert']}\n" in RUNBOOKS
    assert re.sub(r"(?<!^)(?=[A-Z])", "-", alert["alert"]).lower() == name


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_looks_at_its_own_release_only(name: str) -> None:
    selectors = re.findall(r"\w+(\{\w+)?", ALERTS[name]["expr"])

    assert len(metrics_in(ALERTS[name]["expr"])) <= sum(s in {"{SERVER", "{CLIENT"} for s in selectors)
    rules = render(sets=["monitoring.prometheusRule.enabled=true"])
    text = repr(next(document for document in rules if document["kind"] == "PrometheusRule"))
    assert "{SERVER" not in text
    assert "{CLIENT" not in text


def test_no_runbook_is_about_an_alert_that_is_gone() -> None:
    headings = set(re.findall(r"^## (\w+)$", RUNBOOKS, re.MULTILINE))

    assert headings == {alert["alert"] for alert in ALERTS.values()}


def test_the_dashboard_reads_metrics_that_exist() -> None:
    for panel in panels():
        for target in panel["targets"]:
            assert metrics_in(target["expr"]), panel["title"]
            assert metrics_in(target["expr"]) <= exported(), panel["title"]


def test_panels_do_not_overlap_and_stay_on_the_page() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


def test_the_dashboard_fits_into_a_config_map() -> None:
    assert (CHART / "files" / "dashboards" / "platform.json").stat().st_size < 1 << 20
