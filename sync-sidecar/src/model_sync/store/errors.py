"""What a store's refusals and outages mean for us: retryable, fatal, or another object than listed. Pure."""

from dataclasses import dataclass

from edge_common.errors import EdgeError, FatalError, RetryableError

_CHANGED = frozenset({"PreconditionFailed", "NoSuchKey", "InvalidRange"})
_PERMISSION = frozenset({"AccessDenied", "AllAccessDisabled"})
_CREDENTIALS = frozenset(
    {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "InvalidTokenId"}
)
_SKEW = "RequestTimeTooSkewed"
_LONGEST_CAUSE = 200


class ObjectChangedError(RetryableError):
    """The object is no longer the one that was listed."""


@dataclass(frozen=True)
class BucketPlace:
    """A bucket and the endpoint it is at."""

    name: str
    endpoint: str

    def __str__(self) -> str:
        """As the sentences name it."""
        return f"'{self.name}' at {self.endpoint}"


def refusal(code: str, message: str, doing: str, where: BucketPlace) -> EdgeError:
    """Our error for an answer with S3's error `code`, met while `doing`."""
    if code == "NoSuchBucket":
        return missing_bucket(where)
    if code in _CHANGED:
        return ObjectChangedError(f"cannot {doing}: it was replaced or removed since it was listed")
    if code in _CREDENTIALS:
        return FatalError(
            f"the store at {where.endpoint} does not accept the credentials ({code}); "
            "check MODEL_SYNC_S3_ACCESS_KEY and MODEL_SYNC_S3_SECRET_KEY"
        )
    if code in _PERMISSION:
        return FatalError(
            f"not allowed to {doing} in {where}; grant this access key s3:ListBucket and s3:GetObject there"
        )
    if code == _SKEW:
        return FatalError(f"the clocks of this machine and of {where.endpoint} differ too much; correct them")
    return RetryableError(f"cannot {doing} in {where}: {code or 'no code'}, {message or 'no message'}")


def outage(error: Exception, doing: str, where: BucketPlace) -> RetryableError:
    """Our error for a store that did not answer properly while `doing`."""
    return RetryableError(
        f"cannot {doing} {where}: {_short(error)}; check that the store runs and the address is right"
    )


def missing_bucket(where: BucketPlace) -> FatalError:
    """Our error for a bucket that is not there."""
    return FatalError(
        f"the bucket '{where.name}' does not exist at {where.endpoint}; "
        f"create it (mc mb local/{where.name}), or set MODEL_SYNC_CREATE_BUCKET=true"
    )


def _short(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    text = " ".join(str(reason).split())
    return text if len(text) <= _LONGEST_CAUSE else text[: _LONGEST_CAUSE - 3] + "..."
