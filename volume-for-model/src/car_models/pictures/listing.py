"""The list of a folder of pictures, `pictures.json`: what each shows and where it is from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge_common.errors import RejectedError
from pydantic import TypeAdapter, ValidationError

LIST_FILE: Final = "pictures.json"


@dataclass(frozen=True)
class Entry:
    """One line of `pictures.json`; `expected` is the label of what the picture shows, recognised or not."""

    file: str
    expected: str
    source: str
    licence: str
    recognised_by: tuple[str, ...] = ()


_ENTRIES = TypeAdapter(dict[str, tuple[Entry, ...]])


def read_list(folder: Path) -> tuple[Entry, ...]:
    """The entries of `folder`'s list; raises RejectedError when it is missing or wrong."""
    path = folder / LIST_FILE
    try:
        return _ENTRIES.validate_json(path.read_bytes())["pictures"]
    except (FileNotFoundError, KeyError, ValidationError) as error:
        raise RejectedError(
            f"{path} is not a list of pictures; make one: car-models pictures --out {folder}"
        ) from error
