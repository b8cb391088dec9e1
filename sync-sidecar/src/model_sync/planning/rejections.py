"""Verdicts on uploads, and when each is worth another try. Pure."""

from enum import StrEnum

from model_sync.planning.state import Rejection


class RejectedAt(StrEnum):
    """Which check spoke a verdict."""

    UPLOAD = "upload"
    """It lacks something, or does not fit together; what is missing may also be mended in the store."""
    CHECK = "check"
    SERVER = "server"


def verdict(
    before: Rejection | None,
    *,
    mark: str,
    reason: str,
    stage: RejectedAt,
    now: float,
    first_retry: float,
    longest_retry: float,
) -> Rejection:
    """The verdict on the upload `mark`; `before` is the last one on the same source.

    The same upload is tried again after `first_retry` seconds, then after twice as many each time, up to
    `longest_retry`: memory may have been short, or a store be healed. `now` is in Unix seconds.
    """
    attempts = before.attempts + 1 if before is not None and before.upload_id == mark else 1
    pause = min(first_retry * 2 ** min(attempts - 1, 32), longest_retry)
    return Rejection(mark, reason, stage, now, attempts, now + pause)
