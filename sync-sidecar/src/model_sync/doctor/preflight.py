"""What `doctor` looks for at preflight: that a model under trial can do no harm."""

from model_sync.preflight.confinement import landlock_version
from model_sync.settings import Settings


def confinement(settings: Settings) -> tuple[str, str]:
    """Whether the kernel keeps the child from files and connections that are not the model's."""
    if settings.preflight == "off":
        return "is off: a model that crashes the server is found out by the server", ""
    version = landlock_version()
    if version:
        return f"a model under trial reads its own folder only (Landlock {version})", ""
    return (
        "a model under trial is limited in memory and time, but may read and write what the sidecar may",
        "use Linux 5.13 or later, and a seccomp profile that allows Landlock, if strangers upload models",
    )
