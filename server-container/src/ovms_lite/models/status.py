"""What the server calls itself, and the states of versions as `/v1/config` and `/v1/models/<m>` show them."""

from collections.abc import Sequence
from typing import Any

from edge_common.served_state import VersionState

from ovms_lite.models.catalogue import Catalogue, VersionRecord

SERVER_NAME = "OpenVINO Model Server"
"""What OVMS calls itself in its metadata; clients tell servers apart by it, so it is kept."""


def version_status(records: Sequence[VersionRecord]) -> dict[str, Any]:
    """`{"model_version_status": […]}`; a failed version is LOADING with the code UNKNOWN, as on OVMS."""
    return {"model_version_status": [_one(record) for record in records]}


def _one(record: VersionRecord) -> dict[str, Any]:
    failed = record.state is VersionState.FAILED
    code = "UNKNOWN" if failed else "OK"
    return {
        "version": str(record.version),
        "state": str(VersionState.LOADING if failed else record.state),
        "status": {"error_code": code, "error_message": code},
    }


def config_status(catalogue: Catalogue) -> dict[str, Any]:
    """Every known model by name, in ascending order of names and versions."""
    return {name: version_status(catalogue.models[name].ordered()) for name in sorted(catalogue.models)}
