"""What an object's key means, and whether it may become a file name.

A key is text that anybody with write access to the bucket chose. It becomes a path on the shared volume,
so everything that could leave its folder, hide, or break a later tool is refused here, before any file is
opened.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

CARD_NAME = "model.yaml"
CHECKSUMS_NAME = "SHA256SUMS"
SIGNATURE_NAME = "model.sig"
PIN_NAME = "pin.yaml"
LATEST = "latest"
MAX_VERSION = 2**31 - 1
"""OVMS keeps its default version in 32 bits, so a higher number could never be the default."""

_MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_VERSION_NAME = re.compile(r"[1-9][0-9]{0,9}")
_MAX_NAME_BYTES = 255
_MAX_PATH_BYTES = 1024
_NAMES_OF_OURS = frozenset({"config.json"})
_GRAPH_NAME = "graph.pbtxt"
_DROPPINGS = frozenset(
    {
        "__macosx", ".ds_store", ".appledouble", ".localized", ".spotlight-v100", ".trashes", ".fseventsd",
        "icon\r", "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "system volume information",
        "@eadir",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Misplaced:
    """A key that somebody probably meant for us; `advice` says where it should be."""

    advice: str


@dataclass(frozen=True)
class ModelFile:
    """A file directly in the model's folder: its card, or a labels file the card may name."""

    model: str
    name: str


@dataclass(frozen=True)
class VersionFile:
    """A file of a version. `problem` is set when its key must not become a file name."""

    model: str
    version: str
    path: str
    problem: str | None = None


def is_model_name(name: str) -> bool:
    """Whether a folder of this name is a model."""
    return name not in _NAMES_OF_OURS and _MODEL_NAME.fullmatch(name) is not None


def is_version_name(name: str) -> bool:
    """Whether a folder of this name is a version: 1...2147483647 without leading zeros, or `latest`."""
    return name == LATEST or (_VERSION_NAME.fullmatch(name) is not None and int(name) <= MAX_VERSION)


def version_rank(bucket_version: str) -> int:
    """Order among the versions of a model: `latest` competes as the highest."""
    return MAX_VERSION + 1 if bucket_version == LATEST else int(bucket_version)


def is_dropping(path: str) -> bool:
    """Whether a desktop made this file by itself, such as `.DS_Store`, `._model.onnx` or `Thumbs.db`."""
    parts = path.casefold().split("/")
    return (
        parts[-1].startswith("._")
        or parts[-1].endswith(":zone.identifier")
        or any(part in _DROPPINGS for part in parts)
    )


def version_name_advice(name: str, taken: Collection[str] = ()) -> str:
    """Why the folder `name` is not a version, and what to do; `taken` are the folders beside it."""
    digits = re.sub(r"[^0-9]", "", name).lstrip("0")
    example = digits if is_version_name(digits) and digits not in taken else next_number(taken)
    return (
        f"{quoted(name)} is not a version number; "
        f"rename the folder to a whole number such as {example}, or latest"
    )


def next_number(taken: Collection[str]) -> str:
    """The lowest version number above those in `taken`."""
    numbers = [int(name) for name in taken if is_version_name(name) and name != LATEST]
    return str(min(max(numbers, default=0) + 1, MAX_VERSION))


def quoted(text: str, limit: int = 80) -> str:
    """`text` in quotes, safe to print: control characters escaped, long names shortened."""
    shown = ascii(text)[1:-1] if not text.isprintable() else text
    return f"'{shown if len(shown) <= limit else shown[: limit - 3] + '...'}'"


def path_problem(path: str) -> str | None:
    """Why `path`, relative to a version's folder, must not be written to disk; None when it may."""
    if "\\" in path:
        return "it contains a backslash"
    if not path.isprintable():
        return "it contains a control or invisible character"
    if len(path.encode("utf-8", "surrogatepass")) > _MAX_PATH_BYTES:
        return f"it is longer than {_MAX_PATH_BYTES} bytes"
    for part in path.split("/"):
        if part in {"", ".", ".."}:
            return f"it contains the path element {quoted(part)}"
        if len(part.encode("utf-8", "surrogatepass")) > _MAX_NAME_BYTES:
            return f"a name in it is longer than {_MAX_NAME_BYTES} bytes"
    if path == _GRAPH_NAME:
        return "the model server would take the folder for a MediaPipe graph"
    return None


def interpret_key(key: str, prefix: str = "") -> Misplaced | ModelFile | VersionFile | None:
    """What the object `key`, listed under `prefix`, means to us. Never raises.

    None: it is none of a model's business, such as a reserved name or what a desktop left.
    """
    rest = key.removeprefix(prefix)
    model, slash, inside = rest.partition("/")
    if rest.endswith("/") or is_dropping(rest) or (model.startswith(("_", ".")) and slash):
        return None  # consoles create empty markers for folders
    meant = re.sub(r"[/\\]+", "/", rest).lstrip("/")
    if meant != rest and (rest.startswith("/") or not slash) and "/" in meant:
        return Misplaced(f"{quoted(rest)} is in no folder that can be read; upload it as {quoted(meant)}")
    if not slash:
        return Misplaced(f"{quoted(rest)} lies outside any model; put it under <model>/<version>/")
    if not is_model_name(model):
        return Misplaced(
            f"{quoted(model)} cannot be a model's name; use letters, digits, '_', '.' and '-', "
            "at most 63, beginning with a letter or digit"
        )
    version, slash, path = inside.partition("/")
    if not slash:
        return ModelFile(model, version)
    problem = path_problem(path)
    told = f"key {quoted(key)} cannot be mirrored: {problem}" if problem is not None else None
    return VersionFile(model, version, path, told)


def collision(keys: Mapping[str, str]) -> str | None:
    """The problem of a name that is a file in one key and a folder in another; `keys` by path in it."""
    for path, key in keys.items():
        parent = path
        while "/" in parent:
            parent = parent.rpartition("/")[0]
            if parent in keys:
                return f"key {quoted(key)} cannot be mirrored: {quoted(parent)} is a file as well"
    return None
