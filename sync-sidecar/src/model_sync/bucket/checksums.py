"""`SHA256SUMS` as coreutils' `sha256sum` writes it: the uploader's word on what a version is. Pure."""

import base64
import re
from collections.abc import Mapping

from edge_common.errors import RejectedError

from model_sync.bucket.keys import CHECKSUMS_NAME, path_problem, quoted

MAX_BYTES = 1024 * 1024
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
