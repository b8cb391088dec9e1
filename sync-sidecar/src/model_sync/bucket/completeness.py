"""When is an upload complete? By `SHA256SUMS`, the uploader's word, or by names, dates and quiet. Pure.

Three answers: complete, not yet (with what is awaited), or never (with what is wrong). With SHA256SUMS the
answer needs the file's content, so the gate asks `named_files_missing` after reading it; without, the names
of partner files, their dates and a time of quiet decide, and verification and preflight catch what these
cannot see.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from edge_common.errors import RejectedError
from edge_common.quantities import format_duration

from model_sync.bucket.catalog import Upload
from model_sync.bucket.keys import CHECKSUMS_NAME, quoted

_LEAST_APART = 2.0
"""Seconds between files that were hardly uploaded together, where the quiet time is less."""
_QUIET_TIMES_APART, _LEAST_QUIET_APART = 3, 30.0
"""How much longer to wait for a partner file that looks older."""
_BESIDE = frozenset(
    {".yaml", ".yml", ".txt", ".json", ".md", ".csv", ".jpg", ".jpeg", ".png", ".html", ".sig", ".py"}
    | {".mapping"}
)
_NAMES_BESIDE = frozenset({"LICENSE", "README", "NOTICE"})


class IncompleteError(RejectedError):
    """The upload lacks something that only its content tells; it is looked at again when it changes."""


@dataclass(frozen=True)
class Waiting:
    """Something is still on its way; `reason` says what. `quiet_in` seconds, when only quiet is awaited."""

    reason: str
    quiet_in: float | None = None


def check_upload(version: Upload, *, quiet_for: float, quiet_time: float) -> Waiting | None:
    """What `version` waits for when its listing has not changed for `quiet_for` seconds; None: nothing.

    A version with SHA256SUMS is complete by its own word and waits for nothing here.
    """
    if version.checksums is not None:
        return None
    missing = version.partner_missing
    if missing is not None:
        return Waiting(missing)
    apart = _apart(version, max(quiet_time, _LEAST_APART))
    needed = quiet_time if apart is None else max(_QUIET_TIMES_APART * quiet_time, _LEAST_QUIET_APART)
    if quiet_for < needed:
        at_once = f"or at once when {CHECKSUMS_NAME} is uploaded last"
        fresh = f"upload still fresh; taken up when nothing has changed for {quiet_time:g} s, {at_once}"
        longer = f"{apart}, or until nothing has changed for {needed:g} s, {at_once}"
        return Waiting(fresh if apart is None else longer, quiet_in=needed - quiet_for)
    return None


def _apart(version: Upload, most: float) -> str | None:
    """What to wait for when the parts of the model are dated more than `most` seconds apart; None: nothing.

    Then one of them was probably overwritten and the other is still on its way.
    """
    parts = [file for file in version.files if file.modified and not _lies_beside(PurePosixPath(file.path))]
    if len(parts) < 2:  # noqa: PLR2004 - a pair
        return None
    newest, oldest = (choose(parts, key=lambda file: file.modified) for choose in (max, min))
    if newest.modified - oldest.modified <= most:
        return None
    by = format_duration(round(newest.modified - oldest.modified))
    new, old = quoted(newest.path), quoted(oldest.path)
    return f"{new} is newer than {old} by {by}; waiting for {old}, in case they belong together"


def _lies_beside(path: PurePosixPath) -> bool:
    return path.suffix.casefold() in _BESIDE or path.name in _NAMES_BESIDE or path.parts[0] == "acceptance"


def named_files_missing(version: Upload, digests: Mapping[str, str]) -> str | None:
    """What SHA256SUMS lists and the bucket does not have yet; None when all is there."""
    there = {file.path for file in version.files}
    missing = sorted(digests.keys() - there)
    if not missing:
        return None
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    folded = {path.casefold(): path for path in there - digests.keys()}
    like = folded.get(missing[0].casefold())
    hint = f"; {quoted(like)} is there: give both the same letters" if like is not None else ""
    return f"waiting for {missing[0]}{more}, named by {CHECKSUMS_NAME}{hint}"
