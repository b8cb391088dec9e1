"""compose.yaml runs what the chart runs: the same images, users, arguments, variables, ports and limits."""

import json
import re
from functools import cache
from typing import Any

import pytest
import yaml

from .charts import ROOT, pod_specs, render

COMPOSE = ROOT / "compose.yaml"
PROFILES = ("ovms", "lite")
NAMES_IN_THE_CHART = {"lite": "ovms", "store": "minio", "sidecar": "model-sync"}
"""Service -> container, where they differ."""
DIFFERENT = {"MODEL_SYNC_INSTANCE"}
"""Here the name of the box."""
ONLY_IN_THE_CHART = {"EVENTS_CHECKSUM", "STORE_CHECKSUM", "MODEL_SYNC_CREATE_BUCKET"}
"""The first two have a changed Job run again; the third may be absent here."""
_SERVER = "ml-platform-edge-ai-car-classification-server"
ADDRESSES = {
    f"{_SERVER}:8081": "sidecar:8081",
    f"{_SERVER}:": "server:",
    "ml-platform-minio:": "store:",
    "127.0.0.1:8000": "server:8000",
}
"""Where things are in the cluster -> here."""
WITH_A_TOKEN = ("server.sidecar.apiToken.existingSecret=operators",)
"""The chart's users may go without; here everybody has one."""
_UNITS = {"g": 1 << 30, "m": 1 << 20, "Gi": 1 << 30, "Mi": 1 << 20}


def with_defaults(text: str) -> str:
    """`text` with `${NAME:-default}` replaced as without an .env file."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


COMPOSED: dict[str, Any] = yaml.safe_load(with_defaults(COMPOSE.read_text()))
SERVICES: dict[str, dict[str, Any]] = COMPOSED["services"]
RUNNING = {name: service for name, service in SERVICES.items() if name != "volumes"}


@cache
def charted() -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Service name -> pod spec and container of the chart, for both runtimes."""
    found = {}
    for runtime in PROFILES:
        for _, spec in pod_specs(render(sets=[f"server.runtime={runtime}", *WITH_A_TOKEN])):
            for container in [*spec.get("initContainers", []), *spec["containers"]]:
                names = [ours for ours, theirs in NAMES_IN_THE_CHART.items() if theirs == container["name"]]
                name = runtime if container["name"] == "ovms" else next(iter(names), container["name"])
                found[name] = (spec, container)
    return found


def bytes_of(quantity: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(\w+)", quantity).groups()  # type: ignore[union-attr]  # a failure is one
    return int(number) * _UNITS[unit]


each_service = pytest.mark.parametrize("name", RUNNING)


@each_service
def test_image_user_arguments_and_limit_are_the_charts(name: str) -> None:
    service, (spec, container) = RUNNING[name], charted()[name]
    image = container["image"]
    assert service["image"] == (image if name == "store" else re.sub(r":[^:/]+$", ":latest", image))
    security = spec["securityContext"]
    assert service["user"] == f"{security['runAsUser']}:{security['runAsGroup']}"
    if name != "sample-camera":  # its files are mounted from the checkout
        assert sorted(service.get("command", [])) == sorted(container.get("args", []))
    assert bytes_of(service["mem_limit"]) == bytes_of(container["resources"]["limits"]["memory"])
    if "stop_grace_period" in service:
        assert service["stop_grace_period"] == f"{spec['terminationGracePeriodSeconds']}s"


@each_service
def test_variables_are_the_charts(name: str) -> None:
    ours = {
        variable.removesuffix("_FILE") if value.startswith("/run/secrets/") else variable: value
        for variable, value in RUNNING[name].get("environment", {}).items()
    }
    theirs = {entry["name"]: entry.get("value") for entry in charted()[name][1].get("env", [])}
    assert ours.keys() - ONLY_IN_THE_CHART == theirs.keys() - ONLY_IN_THE_CHART
    for variable in ours.keys() & theirs.keys():
        value = theirs[variable]
        if value is None or variable in DIFFERENT:  # None: a secret
            continue
        for there, here in ADDRESSES.items():
            value = value.replace(there, here)
        if variable.endswith("_POLICY"):
            assert json.loads(ours[variable]) == json.loads(value)
            continue
        assert ours[variable] == value, variable


@each_service
def test_it_is_confined_as_in_the_chart_and_stays_up(name: str) -> None:
    service, (spec, container) = RUNNING[name], charted()[name]
    assert container["securityContext"]["readOnlyRootFilesystem"] is service["read_only"] is True
    assert container["securityContext"]["capabilities"]["drop"] == service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "cap_add" not in service
    ends = spec.get("restartPolicy") == "OnFailure"
    assert service["restart"] == ("on-failure" if ends else "unless-stopped")
    assert "test" in service["healthcheck"] or not container.get("ports")


def test_nobody_depends_on_another_for_podman_would_not_start_it_again() -> None:
    assert not [name for name, service in SERVICES.items() if "depends_on" in service]


@each_service
def test_every_port_of_the_chart_is_bound_to_the_chosen_address_alone(name: str) -> None:
    inside = set()
    for port in RUNNING[name].get("ports", []):
        address, _, within = port.split(":")
        assert address == "127.0.0.1"
        inside.add(int(within))
    assert inside == {port["containerPort"] for port in charted()[name][1].get("ports", [])}
    for line in COMPOSE.read_text().splitlines():
        assert "127.0.0.1:-" not in line
    chosen = re.findall(r'"(\$\{HOST_ADDRESS:-127\.0\.0\.1\}:\d+):\d+"', COMPOSE.read_text())
    assert len(chosen) == len(set(chosen)) == 6


def test_only_the_sidecar_may_write_to_the_models_and_only_the_first_service_is_root() -> None:
    writers = {name for name, service in RUNNING.items() if "models:/models" in service.get("volumes", [])}
    assert writers == {"sidecar"}
    first = SERVICES["volumes"]
    assert (first["cap_drop"], first["cap_add"], first["read_only"]) == (["ALL"], ["CHOWN"], True)
    owners = dict(re.findall(r"os\.chown\('(/\w+)', (\d+), \2\)", first["entrypoint"][2]))
    places = {volume.partition(":")[2]: volume.partition(":")[0] for volume in first["volumes"]}
    for path, owner in owners.items():
        users = {
            service["user"] for service in RUNNING.values() if f"{places[path]}:{path}" in service["volumes"]
        }
        assert users == {f"{owner}:{owner}"}, path
    assert set(places) == set(owners)


def test_no_secret_is_in_a_variable_and_the_files_stay_out_of_git() -> None:
    secret = [
        variable
        for service in SERVICES.values()
        for variable in service.get("environment", {})
        if re.search(r"KEY|PASSWORD|TOKEN|ROOT_USER", variable)
    ]
    assert secret
    assert all(variable.endswith("_FILE") for variable in secret)
    assert {"/.env", "/.secrets/"} <= set((ROOT / ".gitignore").read_text().splitlines())


def test_the_example_names_every_setting_with_its_default() -> None:
    used = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", COMPOSE.read_text()))
    lines = (ROOT / ".env.example").read_text().splitlines()
    shown = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert shown == used
