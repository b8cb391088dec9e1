"""A tiny program that ends the stack's processes when whoever started them is gone, even by SIGKILL.

It reads process group ids from standard input, a pipe. `12` adds a group, `-12` forgets it. End of input
means that every holder of the pipe's other end is dead: then the groups still known get SIGTERM and, after a
grace time, SIGKILL. It runs in a session of its own and ignores the signals of a terminal, so that Ctrl-C
cannot take the guard away before what it guards.
"""

import os
import signal
import sys
import time

GRACE_SECONDS = 5.0
_LOOK_EVERY_SECONDS = 0.05


def signal_group(group: int, number: int) -> bool:
    """Send signal `number` (0: only look) to a process group; False when nobody of it is left."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # PermissionError: on macOS, only zombies are left
        return False
    return True


def end_groups(groups: set[int], grace: float) -> None:
    """SIGTERM to all, then SIGKILL to those that still live after `grace` seconds."""
    left = {group for group in groups if signal_group(group, signal.SIGTERM)}
    deadline = time.monotonic() + grace
    while left and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY_SECONDS)
        left = {group for group in left if signal_group(group, 0)}
    for group in left:
        signal_group(group, signal.SIGKILL)


def main() -> None:
    """Keep the books until the input ends, then end what is in them."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        entry = line.strip()
        if entry.startswith("-"):
            groups.discard(int(entry[1:]))
        elif entry:
            groups.add(int(entry))
    end_groups(groups, GRACE_SECONDS)


if __name__ == "__main__":
    main()
