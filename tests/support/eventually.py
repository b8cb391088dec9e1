"""Waiting for what another thread or process is about to do."""

import time
from collections.abc import Callable


def wait_until(holds: Callable[..., object], *, within: float = 20.0) -> None:
    """Return when `holds()` is true; fails the test when it never is."""
    deadline = time.monotonic() + within
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"still not so after {within} s")
        time.sleep(0.01)
