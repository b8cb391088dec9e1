"""Pictures that a person names on the command line: files, folders, addresses, and standard input."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from edge_common.errors import FatalError, RejectedError
from edge_common.pictures.decode import NotAPictureError, Picture, PictureLimits, decode_picture
from edge_common.printable import printable

from car_client.sources.fetch import SCHEMES, FetchError, address_for_people, fetch
from car_client.sources.found_files import find_files

STANDARD_INPUT = "-"


@dataclass(frozen=True, slots=True)
class GivenPicture:
    """A picture that is still to be read; `name` is for people and for files made from it."""

    name: str
    read: Callable[[int], bytes]
    """At most so many bytes and one more. Raises NotAPictureError."""

    def load(self, limits: PictureLimits) -> Picture:
        """Read and decode it. Raises NotAPictureError, also when it cannot be read."""
        return decode_picture(self.name, self.read(limits.max_bytes), limits)


def given_pictures(arguments: Sequence[str]) -> list[GivenPicture]:
    """What `arguments` name, in order, folders with all their pictures by name.

    Raises RejectedError for a folder without any, FatalError when standard input is named and closed.
    """
    return [picture for argument in arguments for picture in _given(argument)]


def given_file(file: Path) -> GivenPicture:
    """The picture in `file`, which need not exist yet."""
    name = printable(str(file))
    return GivenPicture(name, partial(_read_file, file, name))


def read_picture(file: Path, limits: PictureLimits) -> Picture:
    """The picture in `file`; raises NotAPictureError, also when it cannot be read."""
    return given_file(file).load(limits)


def _given(argument: str) -> Iterator[GivenPicture]:
    if argument == STANDARD_INPUT:
        if sys.stdin is None or sys.stdin.closed:
            raise FatalError("standard input is closed; name a file, or send the picture to it")
        yield GivenPicture("stdin", cache(_read_standard_input))
    elif argument.startswith(SCHEMES):
        yield GivenPicture(address_for_people(argument), cache(partial(_fetch, argument)))
    elif Path(argument).is_dir():
        yield from _in_folder(Path(argument))
    else:
        yield given_file(Path(argument))


def _in_folder(folder: Path) -> Iterator[GivenPicture]:
    name = printable(str(folder))
    try:
        found = find_files(folder, subfolders=True)
    except OSError as error:
        raise RejectedError(f"the folder {name} cannot be read: {error.strerror}") from error
    if not found.pictures:
        raise RejectedError(
            f"there is no picture in the folder {name}; {found.aside.total()} other files are"
        )
    for path in sorted(found.pictures):
        yield given_file(folder / path)


def _read_file(file: Path, name: str, max_bytes: int) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(max_bytes + 1)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise NotAPictureError(f"{name} cannot be read: {reason}") from error


def _read_standard_input(max_bytes: int) -> bytes:
    return sys.stdin.buffer.read(max_bytes + 1)


def _fetch(address: str, max_bytes: int) -> bytes:
    try:
        return fetch(address, max_bytes=max_bytes).content
    except FetchError as error:
        raise NotAPictureError(f"{address_for_people(address)} gives no picture: {error}") from error
