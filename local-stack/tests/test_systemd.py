"""The units of local-stack/systemd name commands, options and settings that exist, as compose.yaml does."""

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from car_client.settings import Settings as ClientSettings
from command_lines import PROGRAMS, fault
from model_sync.upload import Settings as SidecarSettings

UNITS = Path(__file__).parents[1] / "systemd"
SERVICES = {path.stem.removeprefix("edgeai-"): path for path in sorted(UNITS.glob("*.service"))}
IN_COMPOSE = {"server": "lite"}
BIN = "/opt/edgeai/bin/"
SETTINGS = {
    *(f"MODEL_SYNC_{name}".upper() for name in SidecarSettings.model_fields),
    *(f"CAR_CLIENT_{name}".upper() for name in ClientSettings.model_fields),
}
CONFINED = {
    "NoNewPrivileges": "yes", "CapabilityBoundingSet": "", "ProtectSystem": "strict", "ProtectHome": "yes",
    "PrivateTmp": "yes", "PrivateDevices": "yes", "RestrictNamespaces": "yes", "RestrictSUIDSGID": "yes",
    "ProtectKernelModules": "yes", "SystemCallArchitectures": "native",
}  # fmt: skip

each_service = pytest.mark.parametrize("name", SERVICES)


def entries(name: str) -> list[tuple[str, str]]:
    lines = SERVICES[name].read_text().splitlines()
    return [(key, value) for key, sign, value in (line.partition("=") for line in lines) if sign]


def only(name: str, key: str) -> str:
    (value,) = (value for known, value in entries(name) if known == key)
    return value


def variables(name: str) -> dict[str, str]:
    return dict(value.split("=", 1) for key, value in entries(name) if key == "Environment")


def composed(name: str) -> dict[str, Any]:
    text = (UNITS.parents[1] / "compose.yaml").read_text()
    services = yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text))["services"]
    service: dict[str, Any] = services[IN_COMPOSE.get(name, name)]
    return service


def test_the_target_starts_all_four_and_they_end_with_it() -> None:
    assert set(SERVICES) == {"store", "sidecar", "server", "client"}
    wanted = re.search(r"^Wants=(.*)$", (UNITS / "edgeai.target").read_text(), re.MULTILINE)
    assert wanted is not None
    assert set(wanted[1].split()) == {path.name for path in SERVICES.values()}
    assert all(only(name, "PartOf") == "edgeai.target" for name in SERVICES)


@each_service
def test_what_it_starts_and_the_options_exist(name: str) -> None:
    program, *arguments = shlex.split(only(name, "ExecStart"))
    assert program.startswith(BIN)
    program = program.removeprefix(BIN)
    if name == "store":
        assert (program, arguments[0]) == ("minio", "server")
        return
    assert program in PROGRAMS
    assert fault(program, arguments) is None


@each_service
def test_its_variables_are_settings_and_say_what_compose_says(name: str) -> None:
    ours, theirs = variables(name), composed(name).get("environment", {})
    assert {key for key in ours if key.startswith(("MODEL_SYNC_", "CAR_CLIENT_"))} <= SETTINGS
    missing = {key.removesuffix("_FILE") if "/run/secrets" in value else key for key, value in theirs.items()}
    secrets = {key for key in missing - ours.keys() if re.search("KEY|ROOT|API_TOKEN", key)}
    # a default, and one token by two names: this sidecar polls, and takes reports from its own host without
    without = {"CAR_CLIENT_PROTOCOL", "MODEL_SYNC_SYNC_TOKEN", "CAR_CLIENT_SIDECAR_TOKEN"}
    assert missing - ours.keys() - secrets <= without
    if secrets:
        assert only(name, "EnvironmentFile") == f"/etc/edgeai/{name}.env"
    assert not any(re.search("KEY|PASSWORD|TOKEN", key) for key in ours)


@each_service
def test_it_comes_back_is_confined_and_listens_on_this_machine_alone(name: str) -> None:
    found = dict(entries(name))
    assert (found["Restart"], found["StartLimitIntervalSec"]) == ("always", "0")
    assert {key: found.get(key) for key in CONFINED} == CONFINED
    assert found.get("User", "edgeai") == "edgeai"
    assert ("User" in found) != (found.get("DynamicUser") == "yes")
    text = SERVICES[name].read_text()
    assert "0.0.0.0" not in text
    assert "127.0.0.1" in text
    assert found["MemoryMax"].lower() == composed(name)["mem_limit"]


@each_service
def test_who_hangs_is_found_out_but_for_the_store_that_tells_nothing(name: str) -> None:
    found = dict(entries(name))
    told = {key: found.get(key) for key in ("Type", "NotifyAccess", "WatchdogSec", "WatchdogSignal")}
    watched = {"Type": "notify", "NotifyAccess": "main", "WatchdogSec": "60", "WatchdogSignal": "SIGKILL"}
    assert told == (dict.fromkeys(told) if name == "store" else watched)
    assert "AF_UNIX" in found["RestrictAddressFamilies"].split()


def test_the_preflight_may_confine_its_child_and_models_are_written_by_one() -> None:
    assert {"seccomp", "landlock_restrict_self"} <= set(only("sidecar", "SystemCallFilter").split())
    volume = variables("sidecar")["MODEL_SYNC_MODELS_DIR"]
    assert volume == f"/var/lib/{only('sidecar', 'StateDirectory')}"
    assert f"--config_path={volume}/config.json" in only("server", "ExecStart")
    assert "StateDirectory" not in dict(entries("server"))


@pytest.mark.systemd
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    for unit in UNITS.iterdir():
        (tmp_path / unit.name).write_text(re.sub(rf"{BIN}[\w-]+", "/bin/true", unit.read_text()))
    units = sorted(map(str, tmp_path.iterdir()))
    told = systemd_analyze("verify", "--man=no", *units)
    assert (told.returncode, told.stderr) == (0, "")
    for service in (unit for unit in units if unit.endswith(".service")):
        exposed = systemd_analyze(
            "security", "--offline=true", "--threshold=20", service
        )  # 1.7 of 10 measured
        assert exposed.returncode == 0, exposed.stdout[-200:]


def systemd_analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
