"""The variables and programs that compose.yaml names are ones that the components have."""

from pathlib import Path

import yaml
from car_client.settings import PREFIX as CLIENT_PREFIX
from car_client.settings import Settings as ClientSettings
from model_sync.upload import Settings as SidecarSettings

_SERVICES = yaml.safe_load((Path(__file__).parents[2] / "compose.yaml").read_text())["services"]
_KNOWN = {
    *(f"MODEL_SYNC_{name}".upper() for name in SidecarSettings.model_fields),
    *(f"{CLIENT_PREFIX}{name}".upper() for name in ClientSettings.model_fields),
}


def test_every_variable_of_the_components_is_a_setting() -> None:
    named = {
        variable.removesuffix("_FILE") if value.startswith("/run/secrets/") else variable
        for service in _SERVICES.values()
        for variable, value in service.get("environment", {}).items()
        if variable.startswith(("MODEL_SYNC_", CLIENT_PREFIX))
    }
    assert len(named) > 10
    assert named <= _KNOWN


def test_files_mounted_from_the_checkout_are_there() -> None:
    mounted = [
        Path(__file__).parents[2] / volume.partition(":")[0]
        for service in _SERVICES.values()
        for volume in service.get("volumes", [])
        if volume.startswith("./")
    ]
    assert len(mounted) == 4
    assert all(path.is_dir() for path in mounted)
