"""A program to run: its arguments, its environment, where its output goes, and how it begins.

It begins as the leader of a session of its own, and in the guard's book before all else.
"""

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, Protocol

from edge_stack.processes.ports import ReservedPort

_FOREIGN_SETTINGS = ("MODEL_SYNC_", "CAR_CLIENT_", "MINIO_", "AWS_")
GIVES_BACK: Final = {"MALLOC_ARENA_MAX": "2", "MALLOC_TRIM_THRESHOLD_": "131072"}
"""Has glibc return what is freed; for programs that idle for long, as who answers pictures would ask anew."""
_ENTER_BOOK_THEN_BECOME = 'echo $$ >&0 || exit 126; exec "$@" </dev/null'
"""Run by sh with the guard's pipe as standard input; a shell's pid stays that of what it execs."""
_TAIL_LINES = 15
_TAIL_BYTES = 16 * 1024


@dataclass(frozen=True, kw_only=True)
class Command:
    """A program to run.

    `env` is added to this process's environment less the platform's own settings, so that what the
    developer has exported (`AWS_PROFILE`, `MODEL_SYNC_BUCKET`) cannot change what runs. `log` gets both
    output streams, appended; `output`, when given, gets standard output alone. `ports` are those it will
    listen on.
    """

    name: str
    argv: Sequence[str | Path]
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)
    ports: Sequence[ReservedPort] = ()
    output: Path | None = None

    def environment(self) -> dict[str, str]:
        """The whole environment the program gets."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(_FOREIGN_SETTINGS)}
        local = "127.0.0.1,localhost"
        return kept | {"PYTHONUNBUFFERED": "1", "NO_PROXY": local, "no_proxy": local} | dict(self.env)


def log_tail(path: Path, lines: int = _TAIL_LINES) -> str:
    """The last `lines` of a log, at most 16 KiB; empty when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


class Child(Protocol):
    """What is asked of a started program; `subprocess.Popen` is one."""

    @property
    def pid(self) -> int:
        """Process id, also the id of its process group."""

    def poll(self) -> int | None:
        """Exit code; None while it runs, negative: the signal that ended it."""

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code; raises `subprocess.TimeoutExpired`."""


Spawn = Callable[..., Child]
"""Starts a program as `spawn` does."""


def spawn(
    argv: Sequence[str | Path], *, book: int, stdout: IO[bytes], stderr: IO[bytes], env: Mapping[str, str]
) -> Child:
    """Start a program, leader of a session of its own; returns at once.

    `book` is the guard's pipe, which takes process ids as lines; it has this one before the program begins.
    """
    return subprocess.Popen(
        ["/bin/sh", "-c", _ENTER_BOOK_THEN_BECOME, "sh", *map(str, argv)],
        stdin=book,
        stdout=stdout,
        stderr=stderr,
        env=env,
        start_new_session=True,
    )
