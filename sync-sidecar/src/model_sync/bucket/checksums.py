"""SHA256SUMS: which file has which digest, in the spellings that common tools write. Pure.

Read are coreutils' `sha256sum` (also `--tag`), BSD's `sha256`, OpenSSL's `dgst`, Windows' `CertUtil` and
PowerShell's `Get-FileHash`; UTF-8 and UTF-16; names with folders in front, with backslashes, and composed
otherwise than the key. A line that could mean two things is refused by its number.
"""

import base64
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping

from edge_common.errors import RejectedError

from model_sync.bucket.file_kinds import BYTE_ORDER_MARKS
from model_sync.bucket.keys import CHECKSUMS_NAME, is_dropping, path_problem, quoted

MAX_CHECKSUMS_BYTES = 1024 * 1024
"""A larger file is refused unread: it would list more than 10,000 files."""

CHECKSUM_HEADER = "x-amz-checksum-sha256"
_SHA256_BYTES = 32
_REWRITE = f"write it with: sha256sum * > {CHECKSUMS_NAME}"
_HEX = r"(?P<digest>[0-9a-fA-F]{64})"
_COREUTILS = re.compile(rf"{_HEX} [ *](?P<name>.+)")
_OTHER_TOOLS = (
    re.compile(rf"{_HEX}[ \t](?P<name>\S.*)"),
    re.compile(rf"SHA(?:2-)?256 ?\((?P<name>.+)\) ?= ?{_HEX}", re.IGNORECASE),
    re.compile(rf"SHA256\s+{_HEX}\s+(?P<name>\S.*)"),
)
_PASSED_OVER = re.compile(r"#.*|\s*|Algorithm\s+Hash\s+Path\s*|-+\s+-+\s+-+\s*|CertUtil: .*")
_OTHER_DIGESTS = {32: "MD5", 40: "SHA-1", 96: "SHA-384", 128: "SHA-512"}


def parse_checksums(content: bytes, uploaded: Collection[str] = ()) -> Mapping[str, str]:
    """Path relative to the version's folder -> lower-case SHA-256.

    `uploaded` are the paths that the version has; they tell which folders in front of the names in the list
    lie above the version. Raises RejectedError naming the line.
    """
    entries = [entry for entry in _entries(_text(content), uploaded) if not is_dropping(entry[1])]
    above = _folder_above([name for _, name, _ in entries], uploaded)
    composed = {unicodedata.normalize("NFC", path): path for path in uploaded}
    digests: dict[str, str] = {}
    for number, name, digest in entries:
        path = name[len(above) :]
        path = path if path in uploaded else composed.get(unicodedata.normalize("NFC", path), path)
        problem = path_problem(path)
        if problem is not None:
            raise RejectedError(
                f"{CHECKSUMS_NAME} line {number} lists {quoted(name)}: {problem}; "
                f"in the version's folder, {_REWRITE}"
            )
        if digests.setdefault(path, digest) != digest:
            twice = f"{quoted(path)} twice with different digests"
            raise RejectedError(f"{CHECKSUMS_NAME} lists {twice}; {_REWRITE}")
    digests.pop(CHECKSUMS_NAME, None)  # `sha256sum *` run a second time lists the file itself
    if not digests:
        raise RejectedError(f"{CHECKSUMS_NAME} lists no file; {_REWRITE}")
    return digests


def format_checksums(digests: Mapping[str, str]) -> bytes:
    """The text `sha256sum` would write for these files, sorted by name."""
    return "".join(f"{digest}  {path}\n" for path, digest in sorted(digests.items())).encode()


def whole_sha256(checksum: str | None) -> str | None:
    """The SHA-256 in hex of a whole object, from what the store says in CHECKSUM_HEADER; None: it keeps none.

    That of a multipart upload is a digest of digests, marked by `-<parts>`, and says nothing here.
    """
    try:
        digest = base64.b64decode(checksum or "", validate=True)
    except ValueError:
        return None
    return digest.hex() if len(digest) == _SHA256_BYTES else None


def _text(content: bytes) -> str:
    mark, encoding = next((one for one in BYTE_ORDER_MARKS if content.startswith(one[0])), (b"", "utf-8"))
    try:
        return content[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        raise RejectedError(f"{CHECKSUMS_NAME} is not text; {_REWRITE}") from error


def _entries(text: str, uploaded: Collection[str]) -> Iterator[tuple[int, str, str]]:
    """Line number, name and digest of each entry; raises RejectedError at a line that is none."""
    awaited: str | None = None  # the file that CertUtil named, whose digest is the next line
    for number, line in enumerate(re.split(r"\r?\n|\r", text), start=1):
        others = (pattern.fullmatch(line.rstrip()) for pattern in _OTHER_TOOLS)
        found = _COREUTILS.fullmatch(line) or next(filter(None, others), None)
        if awaited is not None:
            digest = line.replace(" ", "")
            if not re.fullmatch(_HEX, digest):
                raise _unreadable(number, line)
            yield number, _with_slashes(awaited), digest.lower()
            awaited = None
        elif found is not None:
            yield number, _with_slashes(found["name"]), found["digest"].lower()
        elif not _PASSED_OVER.fullmatch(line):
            awaited = _certutil_name(line, uploaded)
            if awaited is None:
                raise _unreadable(number, line)
    if awaited is not None:
        raise RejectedError(f"{CHECKSUMS_NAME} ends before the digest of {quoted(awaited)}; {_REWRITE}")


def _certutil_name(line: str, uploaded: Collection[str]) -> str | None:
    """The file in a line such as `SHA256 hash of model.onnx:`, in whatever language it is."""
    if not re.match(r"SHA256\b", line, re.IGNORECASE) or not line.rstrip().endswith(":"):
        return None
    words = line.rstrip().removesuffix(":").split(" ")
    for first in range(1, len(words)):
        name = _with_slashes(" ".join(words[first:]))
        if name in uploaded or name.rpartition("/")[2] in uploaded:
            return name
    return words[-1] if len(words) > 1 else None


def _with_slashes(name: str) -> str:
    """A name as it would be in a key: Windows' strokes turned, `./` in front left out."""
    name = name.replace("\\", "/")
    while name.startswith("./"):
        name = name[2:].lstrip("/")
    return name


def _folder_above(names: Collection[str], uploaded: Collection[str]) -> str:
    """What stands before all `names` because the list was written from a folder above the version."""
    if not names or not uploaded or any(name in uploaded for name in names):
        return ""
    here = {unicodedata.normalize("NFC", path) for path in uploaded}
    shortest = min(names, key=len)
    folders = [shortest[:end] for end in range(len(shortest), 0, -1) if shortest[end - 1] == "/"]
    # the longest folder in front of all that makes names of uploaded files of what is left
    for above in folders:
        left = (unicodedata.normalize("NFC", name[len(above) :]) for name in names)
        if all(name.startswith(above) for name in names) and any(path in here for path in left):
            return above
    return ""


def _unreadable(number: int, line: str) -> RejectedError:
    digest = re.search(r"\b[0-9a-fA-F]{32,128}\b", line)
    other = _OTHER_DIGESTS.get(len(digest[0])) if digest is not None else None
    wrong = f"is not '<64 hex digits>  <file name>' but {quoted(line, 40)}"
    if other is not None:
        wrong = f"has an {other} digest, not SHA-256"
    return RejectedError(f"{CHECKSUMS_NAME} line {number} {wrong}; {_REWRITE}")
