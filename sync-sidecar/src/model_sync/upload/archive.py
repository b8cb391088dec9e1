"""A zip out of somebody's browser: its list of files decides what is unpacked, and nothing else is."""

import io
import stat
import struct
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Self
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from edge_common.errors import RejectedError
from edge_common.quantities import format_size

from model_sync.bucket.keys import collision, is_dropping, path_problem, quoted
from model_sync.bucket.recognise import partner_missing

MAX_ZIP_BYTES = 2 * 1024**3
MAX_UNPACKED_BYTES = 2 * MAX_ZIP_BYTES
_MAX_LIST_BYTES = 1024**2
_MAX_FILES = 1000
_MAX_DEPTH = 16
_MAX_RATIO, _ANY_RATIO_BYTES = 100, 64 * 1024**2
"""How much larger the files may be than the zip, where they are larger than so many bytes."""
_CHUNK = 1024**2
_DAMAGE: tuple[type[Exception], ...] = (
    BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, LookupError, RuntimeError,
    OverflowError,
)  # fmt: skip
"""What `zipfile` raises for files that were made to break it; NotImplementedError is a RuntimeError."""
_PLAIN = frozenset({0, stat.S_IFREG})


class Archive:
    """The files that `path` would unpack to, each with its path in the version's folder.

    Raises RejectedError, with what is wrong, for what is no zip, is damaged, or would not be a version.
    """

    def __init__(self, path: Path) -> None:
        self._file = _BoundedReads(path)
        try:
            self._zip = ZipFile(self._file)
            self.members = members(self._zip.infolist(), path.stat().st_size)
        except _DAMAGE as error:
            self._file.close()
            raise RejectedError(
                "it is no zip, or not a whole one; make it again and send it again"
            ) from error
        except RejectedError:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        """The file is closed with this context."""
        return self

    def __exit__(self, *_error: object) -> None:
        """See `__enter__`."""
        self._file.close()

    @property
    def size(self) -> int:
        """Bytes of all files once they are unpacked."""
        return sum(info.file_size for info in self.members.values())

    def unpack(self, folder: Path) -> None:
        """Write all files below `folder`. Raises RejectedError for damaged ones, OSError where it cannot."""
        for path, info in self.members.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as written:
                self._copy(path, info, written)

    def _copy(self, path: str, info: ZipInfo, written: io.BufferedWriter) -> None:
        damaged = f"{quoted(path)} is damaged in the zip; make it again and send it again"
        try:
            packed = self._zip.open(info)
        except _DAMAGE as error:
            raise RejectedError(damaged) from error
        with packed:
            left = info.file_size
            while True:
                try:
                    chunk = packed.read(_CHUNK)
                except _DAMAGE as error:
                    raise RejectedError(damaged) from error
                left -= len(chunk)
                if not chunk or left < 0:
                    break
                written.write(chunk)
        if left:
            raise RejectedError(damaged)


def members(listed: Collection[ZipInfo], zip_bytes: int) -> Mapping[str, ZipInfo]:
    """What `listed` files become, by path in the version's folder; a folder around all of them is left out.

    Raises RejectedError for names, kinds or sizes that are not unpacked, and for what is no whole model.
    """
    files = [info for info in listed if not info.is_dir() and not is_dropping(info.filename)]
    if len(files) > _MAX_FILES:
        raise RejectedError(f"it has {len(files)} files; a version may have {_MAX_FILES}")
    for info in files:
        problem = _problem(info)
        if problem is not None:
            raise RejectedError(f"{quoted(info.orig_filename)} is not unpacked: {problem}")
    total = sum(info.file_size for info in files)
    if total > MAX_UNPACKED_BYTES or (total > _ANY_RATIO_BYTES and total > _MAX_RATIO * zip_bytes):
        raise RejectedError(
            f"it would unpack to {format_size(total)}; at most {format_size(MAX_UNPACKED_BYTES)} and "
            f"{_MAX_RATIO} times its own size are unpacked"
        )
    found: dict[str, ZipInfo] = {}
    for info in files:
        if info.filename in found:
            raise RejectedError(f"it has {quoted(info.filename)} twice; make it again with one of them")
        found[info.filename] = info
    while found and all("/" in path for path in found) and len({path.split("/")[0] for path in found}) == 1:
        found = {path.partition("/")[2]: info for path, info in found.items()}
    problem = collision({path: path for path in found}) or partner_missing(found)
    if problem is not None:
        raise RejectedError(f"it is not a complete model: {problem}")
    return found


def _problem(info: ZipInfo) -> str | None:
    if info.orig_filename != info.filename:
        return "it contains a control or invisible character"
    problem = path_problem(info.filename)
    if problem is not None:
        return problem
    if info.filename.count("/") > _MAX_DEPTH:
        return f"it lies in more than {_MAX_DEPTH} folders"
    if stat.S_IFMT(info.external_attr >> 16) not in _PLAIN:
        return "it is a link or no plain file; send what it leads to"
    if info.flag_bits & 1:
        return "it is encrypted; send it without a password"
    if info.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
        return "it is packed in a way that is not read; use store or deflate, as zip does by itself"
    return None


class _BoundedReads(io.FileIO):
    """A file of which `zipfile` reads no more at once than it has to, whatever its numbers say.

    It reads the list of files as one piece, before anybody can look at how long that is.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        """See io.FileIO; raises RejectedError for more than a list of files may have."""
        most = _MAX_LIST_BYTES + 1
        content = super().read(most if size is None or size < 0 else min(size, most)) or b""
        if len(content) == most:
            raise RejectedError(f"its list of files is longer than {format_size(_MAX_LIST_BYTES)}")
        return content
