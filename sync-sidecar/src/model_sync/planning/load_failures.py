"""Versions that the server was asked to load and could not. Pure.

A failed load shows as FAILED, as LOADING that does not end, or as a server that dies of it again and again.
The server being away is no failure of the version: its clock stands still meanwhile.
"""

from collections.abc import Mapping

from edge_common.quantities import format_duration
from edge_common.served_state import VersionState

from model_sync.planning.history import Blame
from model_sync.planning.rejections import RejectedAt, verdict
from model_sync.planning.snapshot import ModelView
from model_sync.planning.state import Rejection, StoredVersion


def load_failures(view: ModelView) -> Mapping[int, Rejection]:
    """Number -> verdict, for the configured versions that never became AVAILABLE and will not by waiting.

    A version that answered before is not among them: when the server cannot load it any more, the server
    itself tries again, and something older answers meanwhile.
    """
    failures = {}
    for local_version in view.state.configured:
        version = view.state.stored.get(local_version)
        reason = _failure(view, local_version)
        if version is not None and reason is not None and local_version not in view.state.confirmed:
            failures[local_version] = _verdict(view, version, reason)
    return failures


def _failure(view: ModelView, local_version: int) -> str | None:
    if view.served is not None and view.served.get(local_version) is VersionState.FAILED:
        return "the model server could not load it; its log says why. Export the model again and upload it"
    waited = view.loading_for.get(local_version, 0.0)
    if waited > view.rules.activation_timeout:
        return (
            f"the model server did not have it available within {format_duration(waited)}; "
            "make the model smaller or raise MODEL_SYNC_ACTIVATION_TIMEOUT"
        )
    blame = view.blamed.get(local_version)
    return None if blame is None else _accusation(blame)


def _accusation(blame: Blame) -> str:
    if not blame.along_with:
        return (
            f"the model server went away {blame.losses} times while loading it; it is taken to be the cause"
        )
    return (
        f"the model server went away {blame.losses} times while loading it and {blame.along_with} more; the "
        "newest is set aside first, to find the cause, and tried again by itself"
    )


def _verdict(view: ModelView, version: StoredVersion, reason: str) -> Rejection:
    upload = view.upload(version.bucket_version)
    listed = upload is not None and upload.fingerprint == version.fingerprint
    mark = upload.upload_id if upload is not None and listed else version.fingerprint
    return verdict(
        view.state.rejections.get(version.bucket_version),
        mark=mark,
        reason=reason,
        stage=RejectedAt.SERVER,
        now=view.now,
        first_retry=view.rules.first_retry,
        longest_retry=view.rules.longest_retry,
    )
