"""How a program begins: as the leader of a session of its own, and in the guard's book before all else."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Protocol

_ENTER_BOOK_THEN_BECOME = 'echo $$ >&0 || exit 126; exec "$@" </dev/null'
"""Run by sh with the guard's pipe as standard input; a shell's pid stays that of what it execs."""


class Child(Protocol):
    """What is asked of a started program; `subprocess.Popen` is one."""

    @property
    def pid(self) -> int:
        """Process id, also the id of its process group."""

    def poll(self) -> int | None:
        """Exit code; None while it runs, negative: the signal that ended it."""

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code; raises `subprocess.TimeoutExpired`."""


class Spawn(Protocol):
    """Starts a program, leader of a session of its own; the guard's `book` has it before it begins."""

    def __call__(
        self,
        argv: Sequence[str | Path],
        *,
        book: int,
        stdout: IO[bytes],
        stderr: IO[bytes],
        env: Mapping[str, str],
    ) -> Child:
        """Return at once; `book` is the pipe that takes process ids as lines."""


def spawn(
    argv: Sequence[str | Path], *, book: int, stdout: IO[bytes], stderr: IO[bytes], env: Mapping[str, str]
) -> Child:
    """Start a program of this machine, see `Spawn`."""
    return subprocess.Popen(
        ["/bin/sh", "-c", _ENTER_BOOK_THEN_BECOME, "sh", *map(str, argv)],
        stdin=book,
        stdout=stdout,
        stderr=stderr,
        env=env,
        start_new_session=True,
    )
