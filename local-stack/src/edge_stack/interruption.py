"""Ctrl-C and SIGTERM as one exception, so that every context is left in order and everything is ended."""

import signal
from types import FrameType


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
