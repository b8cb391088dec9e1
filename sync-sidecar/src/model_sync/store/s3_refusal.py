"""What the store says when it does not answer with the object."""

from xml.etree import ElementTree as ET

MAX_ERROR_BYTES = 64 * 1024
"""Of an answer that describes an error, what is read."""


class S3RefusalError(Exception):
    """The store answered, and not with the object."""

    def __init__(self, status: int, body: bytes) -> None:
        """`body` is the XML that S3 describes errors with, if it sent any."""
        self.code, self.message = _described(body)
        self.status = status
        super().__init__(f"status {status}: {self.code or 'no code'}, {self.message or 'no message'}")


def _described(body: bytes) -> tuple[str, str]:
    """Code and message of S3's XML; empty when it is something else."""
    try:
        root = ET.fromstring(body)  # noqa: S314 - at most 64 KiB; expat bounds the expansion of entities
    except ET.ParseError:
        return "", ""
    return root.findtext("Code") or "", root.findtext("Message") or ""
