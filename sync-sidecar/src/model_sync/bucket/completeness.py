"""When is an upload complete? By `SHA256SUMS`, the uploader's word, or by names and quiet. Pure.

Three answers: complete, not yet (with what is awaited), or never (with what is wrong). With SHA256SUMS, as
coreutils' `sha256sum` writes it, the answer needs the file's content, so the gate asks `named_files_missing`
after reading it; without, the names of partner files and a time of quiet decide, and verification and
preflight catch what these cannot see.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass

from edge_common.errors import RejectedError

from model_sync.bucket.catalog import Upload
from model_sync.bucket.keys import CHECKSUMS_NAME, path_problem, quoted

MAX_CHECKSUMS_BYTES = 1024 * 1024
"""A larger file is refused unread: it would list more than 10,000 files."""

CHECKSUM_HEADER = "x-amz-checksum-sha256"
_SHA256_BYTES = 32
_LINE = re.compile(r"\\?([0-9a-fA-F]{64}) [ *](.+)")


def parse_checksums(content: bytes) -> Mapping[str, str]:
    """Path relative to the version's folder -> lower-case SHA-256. Raises RejectedError naming the line.

    Accepts text and binary mode, a leading `./`, CRLF line ends, blank lines and `#` comments.
    """
    try:
        lines = content.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise RejectedError(
            f"{CHECKSUMS_NAME} is not text; write it with: sha256sum * > {CHECKSUMS_NAME}"
        ) from error
    digests: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise RejectedError(
                f"{CHECKSUMS_NAME} line {number} is not '<64 hex digits>  <file name>'; "
                f"write it with: sha256sum * > {CHECKSUMS_NAME}"
            )
        path = match[2].removeprefix("./")
        problem = path_problem(path)
        if problem is not None:
            raise RejectedError(f"{CHECKSUMS_NAME} line {number} lists {quoted(path)}: {problem}")
        if digests.setdefault(path, match[1].lower()) != match[1].lower():
            raise RejectedError(f"{CHECKSUMS_NAME} lists {quoted(path)} twice with different digests")
    digests.pop(CHECKSUMS_NAME, None)  # `sha256sum *` run a second time lists the file itself
    if not digests:
        raise RejectedError(f"{CHECKSUMS_NAME} lists no file; write it with: sha256sum * > {CHECKSUMS_NAME}")
    return digests


def format_checksums(digests: Mapping[str, str]) -> bytes:
    """The text `sha256sum` would write for these files, sorted by name."""
    return "".join(f"{digest}  {path}\n" for path, digest in sorted(digests.items())).encode()


def whole_sha256(checksum: str | None) -> str | None:
    """The SHA-256 in hex of a whole object, from what the store says in CHECKSUM_HEADER; None: it keeps none.

    That of a multipart upload is a digest of digests, marked by `-<parts>`, and says nothing here.
    """
    if checksum is None:
        return None
    try:
        digest = base64.b64decode(checksum, validate=True)
    except ValueError:
        return None
    return digest.hex() if len(digest) == _SHA256_BYTES else None


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
