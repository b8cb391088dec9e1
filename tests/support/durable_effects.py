"""Sees every change a Python process makes below one folder, just before it is made, and may prevent it.

Uses CPython's audit events (PEP 578): they are raised before the change, and what a hook raises is raised
instead of the change. So every rename, unlink, mkdir, link and file opened for writing is caught, also inside
the standard library. `os.fsync` and the space of a write have no event; `os.fsync` is replaced.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

_TWO_PATHS = {"os.rename": 2, "os.link": 2}
_ONE_PATH = {"os.remove": 1, "os.rmdir": 1, "os.mkdir": 2, "os.truncate": None}
"""Event -> where in its arguments the descriptor of the folder is that its path is relative to."""
_NEED_NO_ROOM = frozenset({"os.remove", "os.rmdir"})


@dataclass(frozen=True)
class Effect:
    """A change that is about to be made."""

    name: str
    path: Path

    @property
    def needs_room(self) -> bool:
        """Whether a full file system may refuse it."""
        return self.name not in _NEED_NO_ROOM


def watch_effects(folder: Path, before: Callable[[Effect], None]) -> None:
    """Call `before` ahead of every change below `folder`, in the thread that makes it."""
    root = folder.resolve()

    def tell(name: str, path: Path) -> None:
        if path.is_relative_to(root):
            before(Effect(name, path.relative_to(root)))

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _TWO_PATHS:
            tell(event, _absolute(arguments[1], arguments[3]))
        elif event in _ONE_PATH:
            position = _ONE_PATH[event]
            path = _absolute(arguments[0], -1 if position is None else arguments[position])
            if event != "os.mkdir" or not path.exists():  # else it only says that the folder is there
                tell(event, path)
        elif event == "open" and _creates(arguments[2]) and not isinstance(arguments[0], int):
            path = _absolute(arguments[0], -1)
            if arguments[2] & os.O_TRUNC or not path.exists():
                tell(event, path)

    fsync = os.fsync

    def told_fsync(fd: "FileDescriptorLike") -> None:
        local_version = fd if isinstance(fd, int) else fd.fileno()
        tell("os.fsync", Path(f"/proc/self/fd/{local_version}").resolve())
        fsync(fd)

    os.fsync = told_fsync
    sys.addaudithook(hook)


def _creates(flags: int) -> bool:
    return bool(flags & os.O_CREAT)


def _absolute(path: Any, folder: int) -> Path:
    if isinstance(path, int):
        return Path(f"/proc/self/fd/{path}").resolve()
    base = Path(f"/proc/self/fd/{folder}").resolve() if folder >= 0 else Path.cwd()
    # the last part is not followed: it may be a link that is itself renamed or removed
    whole = base / os.fsdecode(path)
    return whole.parent.resolve() / whole.name
