"""Ending on SIGTERM and SIGINT: in order, but within a few seconds in any case."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

OUTPUT_LOST = 74
"""Exit code when standard output could not be written (EX_IOERR of sysexits.h)."""
GRACE_SECONDS = 3.5
"""Less than the 5 seconds after which every process of the platform has to be gone."""


class GracePeriodOverError(BaseException):
    """Unwinds what outlasts the grace period; not an Exception, so that nothing on the way stops it."""


@contextmanager
def stop_on_signals(tell: Callable[[], None] = lambda: None) -> Iterator[threading.Event]:
    """An event that the first SIGTERM or SIGINT sets; the block ends quietly if it outlasts the grace period.

    `tell` is called along with it. For the main thread only, as signal handlers are.
    """
    stop = threading.Event()

    def ask_to_stop(_number: int, _frame: FrameType | None) -> None:
        if not stop.is_set():
            stop.set()
            tell()
            signal.setitimer(signal.ITIMER_REAL, GRACE_SECONDS)

    def give_up(_number: int, _frame: FrameType | None) -> None:
        raise GracePeriodOverError

    before = {
        number: signal.signal(number, handler)
        for number, handler in (
            (signal.SIGTERM, ask_to_stop),
            (signal.SIGINT, ask_to_stop),
            (signal.SIGALRM, give_up),
        )
    }
    try:
        try:
            yield stop
        finally:  # inside: the period may end at this very moment
            signal.setitimer(signal.ITIMER_REAL, 0)
    except GracePeriodOverError:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Interrupted(BaseException):
    """A signal asked this program to end; `exit_code` is the shell's convention for it."""

    def __init__(self, number: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(number).name}")
        self.exit_code = 128 + number


def raise_on_signals() -> None:
    """From now on SIGINT and SIGTERM raise Interrupted once; later ones do not disturb the ending."""

    def interrupt(number: int, _frame: FrameType | None) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(number)

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, interrupt)


def flush_output() -> bool:
    """Write what is left for standard output; whether it could be written, else a sentence says why not."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError) as error:  # ValueError: it was closed
        give_output_up((error.strerror if isinstance(error, OSError) else None) or "it is closed")
        return False
    return True


def give_output_up(reason: str) -> None:
    """Say why standard output cannot be written; what would still go there goes nowhere from now on."""
    sys.stderr.write(f"standard output cannot be written: {reason}\n")
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - for the rest of the process


def leave_now(exit_code: int = 0) -> NoReturn:
    """End the process although threads may wait for an answer; they hold nothing that must be kept.

    The interpreter would wait for them, longer than a pod's end may take.
    """
    logging.shutdown()
    if not flush_output():
        exit_code = exit_code or OUTPUT_LOST
    sys.stderr.flush()
    if any(thread is not threading.main_thread() and not thread.daemon for thread in threading.enumerate()):
        os._exit(exit_code)
    sys.exit(exit_code)
