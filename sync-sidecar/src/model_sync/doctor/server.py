"""What `doctor` looks for at the model server, and at preflight, which loads a version before it."""

from edge_common.served_state import VersionState

from model_sync.bucket.keys import quoted
from model_sync.model_server.client import ModelServer
from model_sync.model_server.config import configured_versions
from model_sync.preflight.confinement import landlock_version
from model_sync.preflight.system_calls import filters_system_calls
from model_sync.settings import Settings
from model_sync.volume.volume import Volume


def served_folder(url: str, volume: Volume) -> tuple[str, str]:
    """Whether the server serves what config.json lists, and nothing else; raises RetryableError when away."""
    served = ModelServer(url).served()
    configured = configured_versions(volume.load_config() or b"")
    seen = f"{url} answers and knows {len(served)} models"
    advice = (
        f"start it with --config_path {volume.config_path}, and mount the volume at {volume.root} there too"
    )
    foreign = [
        name
        for name, versions in served.items()
        if name not in configured and any(state is not VersionState.END for state in versions.values())
    ]
    if foreign:
        return f"{seen}, but config.json does not list {quoted(min(foreign))} that it serves", advice
    unseen = [name for name in configured if not served.get(name)]
    if unseen:
        return f"{seen}, but no version of {quoted(min(unseen))}, which config.json lists", advice
    return seen, ""


def confinement(settings: Settings) -> tuple[str, str]:
    """Whether the kernel keeps preflight from files and connections that are not the model's."""
    if settings.preflight == "off":
        return "is off: a model that crashes the server is found out by the server", ""
    version, filtered = landlock_version(), filters_system_calls()
    if version and filtered:
        return f"a model in preflight reads its own folder only (Landlock {version}, seccomp)", ""
    missing = "Landlock" if filtered else "seccomp" if version else "Landlock and seccomp"
    return (
        f"a model in preflight is limited in memory and time, but not confined by {missing}",
        "if strangers upload models, use Linux 5.13 or later and a container that allows both",
    )
