"""Where a version's files say that they come from, read from its staging folder."""

from pathlib import Path

from edge_common.errors import RejectedError
from edge_common.logs import get_logger

from model_sync.bucket.provenance import MAX_BYTES, PROVENANCE_NAME, Provenance, parse_provenance

_log = get_logger()


def provenance_of(tree: Path) -> Provenance | None:
    """What the file says; None without one, or with one that cannot be read, which is logged.

    A version is no worse for it. Raises OSError.
    """
    path = tree / PROVENANCE_NAME
    if not path.is_file():
        return None
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    try:
        return parse_provenance(content)
    except RejectedError as error:
        _log.warning("provenance_unreadable", error=str(error))
        return None
