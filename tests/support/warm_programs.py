"""The project's programs as processes of their own, forked from one that has imported them all.

A start takes a tenth of a second instead of one. What runs is the program's own `main` in a process and a
session of its own; only its imports are shared. Tests of a program's start from nothing run its command.
"""

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection, wait
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

_MAINS = {
    "model-sync": "model_sync.cli",
    "ovms-lite": "ovms_lite.cli",
    "car-client": "car_client.cli",
    "edge-stack": "edge_stack.cli",
}
_IMPORTED = [
    "model_sync.console",
    "model_sync.service",
    "car_client.service",
    "edge_stack.store.embedded_server",
]
_BEGUN_WITHIN = 60.0
_multiprocessing = threading.Lock()
"""Its book of children is read and written by every start and every look at one."""

_forking = multiprocessing.get_context("forkserver")
_forking.set_forkserver_preload([*_MAINS.values(), *_IMPORTED])


class WarmProgram:
    """A started program, with the part of Popen's interface that tests use."""

    def __init__(self, process: multiprocessing.context.ForkServerProcess) -> None:
        self._process = process
        assert process.pid is not None
        self.pid: int = process.pid

    @property
    def returncode(self) -> int | None:
        return self.poll()

    def poll(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        with _multiprocessing:
            return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code; raises TimeoutExpired as Popen does."""
        wait([self._process.sentinel], timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def can_start_warm(argv: Sequence[str | Path]) -> bool:
    """Whether it is one of the project's programs, or `python -m MODULE`."""
    return Path(argv[0]).name in _MAINS or [str(word) for word in argv[:2]] == [sys.executable, "-m"]


def start_warm(
    argv: Sequence[str | Path],
    *,
    stdout: IO[bytes],
    stderr: IO[bytes],
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    book: int | None = None,
) -> WarmProgram:
    """Start what can be started warm, with nothing to read.

    It enters its process id into the pipe `book` before all else. Raises TimeoutError when it does not begin.
    """
    begun, beginning = _forking.Pipe(duplex=False)
    opened = [file.fileno() for file in (stdout, stderr)] + ([] if book is None else [book])
    pipes = [Connection(os.dup(number), readable=False) for number in opened]
    environment = dict(os.environ if env is None else env)
    words = [str(word) for word in argv]
    become = (words, str(cwd or Path.cwd()), environment, beginning, *pipes)
    process = _forking.Process(target=_become, args=become, daemon=True)
    with _multiprocessing:
        process.start()
    for pipe in (beginning, *pipes):
        pipe.close()
    with begun:
        if not begun.poll(_BEGUN_WITHIN):
            raise TimeoutError(f"{argv[0]} did not begin")
        begun.recv_bytes()
    return WarmProgram(process)


def run_warm(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = 60.0,
) -> subprocess.CompletedProcess[str]:
    """Run one to its end, as `subprocess.run` does with `capture_output`; raises TimeoutExpired."""
    with TemporaryFile() as stdout, TemporaryFile() as stderr:
        program = start_warm(argv, stdout=stdout, stderr=stderr, env=env, cwd=cwd)
        try:
            code = program.wait(timeout)
        finally:
            program.kill()
        texts = []
        for file in (stdout, stderr):
            file.seek(0)
            texts.append(file.read().decode())
    return subprocess.CompletedProcess(list(argv), code, *texts)


def _become(
    argv: list[str], folder: str, environment: dict[str, str], beginning: Connection, *pipes: Connection
) -> None:
    os.setsid()
    os.chdir(folder)
    stdout, stderr, *book = pipes
    for pipe in book:
        os.write(pipe.fileno(), f"{os.getpid()}\n".encode())
        pipe.close()
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    for number, pipe in ((1, stdout), (2, stderr)):
        os.dup2(pipe.fileno(), number)
        pipe.close()
    os.environ.clear()
    os.environ.update(environment)
    beginning.send_bytes(b"begun")
    beginning.close()
    program, module = Path(argv[0]).name, argv[2] if len(argv) > 2 else ""
    if program in _MAINS:
        sys.argv = argv
        import_module(_MAINS[program]).main()
    elif module in _IMPORTED:
        sys.argv = argv[2:]
        import_module(module).main()
    else:
        sys.argv = argv[2:]
        sys.path[:0] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
        runpy.run_module(argv[2], run_name="__main__", alter_sys=True)
