"""The folder in which OpenVINO keeps compiled models, so that the next start need not compile them."""

from pathlib import Path
from tempfile import TemporaryFile

from edge_common.logs import get_logger

DEFAULT = Path("/opt/cache")
"""OVMS uses this folder when it exists and no other is named."""

log = get_logger()


def usable_cache(wanted: Path | None, default: Path = DEFAULT) -> Path | None:
    """The folder to use, made when it is not there; None, with a warning, when it cannot be written."""
    folder = wanted or (default if default.is_dir() else None)
    if folder is None:
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        log.warning(
            "cache_dir cannot be written, compiling without it", folder=str(folder), reason=error.strerror
        )
        return None
