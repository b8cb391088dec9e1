"""When is an upload complete? What the names, sizes and quietness of a version say about that. Pure.

Three answers: complete, not yet (with what is awaited), or never (with what is wrong). With SHA256SUMS the
answer needs the file's content, so `fetch` asks `named_files_missing` after reading it; without, the names of
partner files and a time of quiet decide, and verification and preflight catch what these cannot see.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from edge_common.errors import RejectedError

from model_sync.bucket.catalog import Upload
from model_sync.bucket.keys import CHECKSUMS_NAME


class IncompleteError(RejectedError):
    """The upload lacks something that only its content tells; it is looked at again when it changes."""


@dataclass(frozen=True)
class Complete:
    """Everything is there, as far as names can tell."""


@dataclass(frozen=True)
class Waiting:
    """Something is still on its way; `reason` says what. `settles_in` seconds, when only quiet is awaited."""

    reason: str
    settles_in: float | None = None


def check_upload(version: Upload, *, quiet_for: float, settle: float) -> Complete | Waiting:
    """Whether `version` may be fetched, given how long (seconds) its listing has not changed.

    A version with SHA256SUMS is complete by its own word and waits for nothing here.
    """
    if version.checksums is not None:
        return Complete()
    missing = version.partner_missing
    if missing is not None:
        return Waiting(missing)
    if quiet_for < settle:
        return Waiting(
            f"upload still fresh; taken up when nothing has changed for {settle:g} s, "
            f"or at once when {CHECKSUMS_NAME} is uploaded last",
            settles_in=settle - quiet_for,
        )
    return Complete()


def named_files_missing(version: Upload, digests: Mapping[str, str]) -> str | None:
    """What SHA256SUMS lists and the bucket does not have yet; None when all is there."""
    missing = sorted(digests.keys() - {file.path for file in version.files})
    if not missing:
        return None
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return f"waiting for {missing[0]}{more}, named by {CHECKSUMS_NAME}"
