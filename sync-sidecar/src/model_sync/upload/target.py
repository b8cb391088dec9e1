"""Under which number of the bucket a model's files go, or lie already. Pure.

Earlier files come back under a new, higher number: the sidecar serves the highest one, and nothing in the
bucket is changed or removed for a rollback.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from edge_common.errors import RejectedError

from model_sync.bucket.catalog import ListedModel, Upload
from model_sync.bucket.keys import LATEST, is_version_name
from model_sync.planning.state import StoredFile

ReadSums = Callable[[Upload], Mapping[str, str] | None]
"""The path -> SHA-256 that a version's SHA256SUMS lists; None when it has none that can be read."""


@dataclass(frozen=True)
class Target:
    """A version folder in the bucket; `there` when it holds exactly the files already."""

    version: str
    there: bool


def choose_target(
    model: str,
    remote: ListedModel | None,
    files: Collection[StoredFile],
    read_sums: ReadSums,
    wanted: str | None = None,
) -> Target:
    """The version for `files`: `wanted`, else the highest one when it holds them, else the next number.

    An upload of these files that broke off is completed under its number. Raises RejectedError when `wanted`
    holds other files, and when `latest` is in the bucket, because no number comes before it.
    """
    versions = remote.versions if remote is not None else {}
    content = {file.path: file.sha256 for file in files}

    def holds(version: Upload) -> bool:
        listed = {file.path for file in version.files}
        return read_sums(version) == content and content.keys() <= listed

    numbers = sorted(int(name) for name in versions if is_version_name(name) and name != LATEST)
    following = str(numbers[-1] + 1 if numbers else 1)
    if wanted is not None:
        there = versions.get(wanted)
        if there is None or wanted == LATEST or _broken_off(there, files):
            return Target(wanted, there is not None and holds(there))
        if holds(there):
            return Target(wanted, there=True)
        raise RejectedError(
            f"{model} version {wanted} is in the bucket with other files; leave --version out to take "
            f"the next free number, {following}"
        )
    if LATEST in versions:
        raise RejectedError(
            f"the bucket has {model}/{LATEST}, which is served before every number; "
            f"promote with --version {LATEST}, or remove that folder"
        )
    if not numbers:
        return Target(following, there=False)
    highest = versions[str(numbers[-1])]
    if holds(highest):
        return Target(highest.bucket_version, there=True)
    return Target(highest.bucket_version if _broken_off(highest, files) else following, there=False)


def _broken_off(version: Upload, files: Collection[StoredFile]) -> bool:
    """Whether it is the beginning of an upload of `files`: SHA256SUMS would have come last."""
    ours = {(file.path, file.size) for file in files}
    return version.checksums is None and {(file.path, file.size) for file in version.files} <= ours
