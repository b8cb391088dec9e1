"""What a store's refusals and outages mean for us: retryable, fatal, or another object than listed. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from xml.etree.ElementTree import Element, ParseError, fromstring

from edge_common.errors import EdgeError, FatalError, RetryableError

_UNKNOWN_USER = "InvalidAccessKeyId"
CREDENTIALS_REFUSED = frozenset(
    {
        _UNKNOWN_USER,
        "SignatureDoesNotMatch",
        "ExpiredToken",
        "InvalidToken",
        "InvalidTokenId",
        "InvalidClientTokenId",
        "TokenRefreshRequired",
        "InvalidSecurity",
    }
)
_GONE = "NoSuchKey"
_CHANGED = frozenset({"PreconditionFailed", _GONE, "InvalidRange"})
_PERMISSION = frozenset({"AccessDenied", "AllAccessDisabled"})
_REGION = ("AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException")
_ARCHIVED = "InvalidObjectState"
_SKEW = "RequestTimeTooSkewed"
_BY_STATUS: Mapping[int, str] = {
    HTTPStatus.FORBIDDEN: "AccessDenied",
    HTTPStatus.PRECONDITION_FAILED: "PreconditionFailed",
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: "InvalidRange",
}
"""What an answer without a body means, such as that of HEAD."""
_LONGEST_CAUSE = 200
_WANTS_TLS = re.compile(
    r"HTTP request to an HTTPS server|HTTP request was sent to HTTPS port|speaking plain HTTP to an SSL|"
    r"\\x15\\x03",
    re.IGNORECASE,
)
"""What Go, nginx and Apache answer to http where they speak https, and what TLS itself does."""
_SPEAKS_NO_TLS = re.compile(
    r"WRONG_VERSION_NUMBER|RECORD_LAYER_FAILURE|UNKNOWN_PROTOCOL|PACKET_LENGTH_TOO_LONG"
)


class ObjectChangedError(RetryableError):
    """The object is no longer the one that was listed."""


class UnknownUserError(FatalError):
    """The store has no user of that name."""


class RangeIgnoredError(RetryableError):
    """The store gives whole objects where a part was asked for; read it whole."""


class StoreFaultError(Exception):
    """The store, or something before it, answered what S3 does not allow; the message says what."""


class S3RefusalError(Exception):
    """The store answered, and not with what was asked for."""

    def __init__(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """`body` is the XML that S3 describes errors with, if it sent any."""
        root = _described(body)
        self.status = status
        self.code = _text(root, "Code") or _BY_STATUS.get(status, "")
        plain = re.sub(r"<[^>]*>", " ", body[:_LONGEST_CAUSE].decode("ascii", "replace"))
        self.message = _text(root, "Message") or ("" if self.code else _short(plain))
        self.region = headers.get("x-amz-bucket-region") or _text(root, "Region")
        self.location = headers.get("location", "")
        super().__init__(f"status {status}: {self.code or 'no code'}, {self.message or 'no message'}")


@dataclass(frozen=True)
class BucketPlace:
    """A bucket and the endpoint it is at."""

    name: str
    endpoint: str

    def __str__(self) -> str:
        """As the sentences name it."""
        return f"'{self.name}' at {self.endpoint}"


def refused(error: S3RefusalError, doing: str, where: BucketPlace) -> EdgeError:
    """Our error for a store that refused what we were `doing`."""
    if error.code == "NoSuchBucket":
        return missing_bucket(where)
    if error.code in _CHANGED:
        lasts = "; if the store lists it all the same, upload it again" if error.code == _GONE else ""
        return ObjectChangedError(f"cannot {doing}: it was replaced or removed since it was listed{lasts}")
    fatal = _set_up_problem(error, doing, where)
    if fatal is not None:
        return (UnknownUserError if error.code == _UNKNOWN_USER else FatalError)(fatal)
    if error.code == _ARCHIVED:
        return RetryableError(f"cannot {doing} in {where}: it is archived; restore it, or upload it again")
    said = f"{error.code or f'status {error.status}'}, {_short(error.message) or 'no message'}"
    return RetryableError(f"cannot {doing} in {where}: {said}; it is tried again")


def _set_up_problem(error: S3RefusalError, doing: str, where: BucketPlace) -> str | None:
    """What a person has to change before the store grants this; None when it may do so later."""
    if error.code in CREDENTIALS_REFUSED:
        return (
            f"the store at {where.endpoint} does not accept the credentials ({error.code}); "
            "check MODEL_SYNC_S3_ACCESS_KEY and MODEL_SYNC_S3_SECRET_KEY"
        )
    if error.code in _REGION:
        wanted = f"to {error.region}" if error.region else "to the region that it names"
        return (
            f"the store at {where.endpoint} wants requests for another region "
            f"({_short(error.message or error.code)}); set MODEL_SYNC_S3_REGION {wanted}"
        )
    if error.code in _PERMISSION:
        return (
            f"not allowed to {doing} in {where}; grant this access key s3:ListBucket and s3:GetObject there"
        )
    if error.code == _SKEW:
        return f"the clocks of this machine and of {where.endpoint} differ too much; correct them"
    other = _other_scheme(error.message, where.endpoint)
    if other is None and error.location:
        return (
            f"{where.endpoint} sends requests on to {_short(error.location)}; "
            "set MODEL_SYNC_S3_ENDPOINT to the address that answers itself"
        )
    return other


def outage(error: Exception, doing: str, where: BucketPlace) -> RetryableError:
    """Our error for a store that did not answer properly while `doing`."""
    cause = _short(str(getattr(error, "reason", None) or error))
    advice = "check that the store runs and the address is right"
    return RetryableError(
        f"cannot {doing} {where}: {_other_scheme(cause, where.endpoint) or f'{cause}; {advice}'}"
    )


def _other_scheme(said: str, endpoint: str) -> str | None:
    """The sentence when http was spoken to a port of https, or the other way round; None: neither."""
    scheme, _, rest = endpoint.partition("://")
    pattern, other = (_WANTS_TLS, "https") if scheme == "http" else (_SPEAKS_NO_TLS, "http")
    if not pattern.search(said):
        return None
    return f"{endpoint} speaks {other}; set MODEL_SYNC_S3_ENDPOINT to {other}://{rest}"


def faulty(error: StoreFaultError, doing: str, where: BucketPlace) -> RetryableError:
    """Our error for a store that cannot be believed while `doing`."""
    sentence, _, advice = str(error).partition("; ")
    advice = advice or "tell whoever runs the store, or what stands before it"
    return RetryableError(f"cannot {doing} {where}: {sentence}; {advice}")


def missing_bucket(where: BucketPlace) -> FatalError:
    """Our error for a bucket that is not there."""
    return FatalError(
        f"the bucket '{where.name}' does not exist at {where.endpoint}; "
        f"create it (mc mb local/{where.name}), or set MODEL_SYNC_CREATE_BUCKET=true"
    )


def _described(body: bytes) -> Element | None:
    """S3's XML; None when it is something else."""
    try:
        return fromstring(body)  # noqa: S314 - at most 64 KiB; expat bounds the expansion of entities
    except ParseError:
        return None


def _text(root: Element | None, name: str) -> str:
    return (root.findtext(name) or "").strip() if root is not None else ""


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_CAUSE else line[: _LONGEST_CAUSE - 3] + "..."
