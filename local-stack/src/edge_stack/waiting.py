"""Waiting for something outside to become true, with a deadline and a reason when it does not."""

import time
from collections.abc import Callable

import requests
from edge_common.errors import RetryableError

Probe = Callable[[], str | None]
"""Looks once: None when it is so, else a clause that says what is missing ("it answers 503")."""

LOOK_EVERY_SECONDS = 0.05


def wait_until(what: str, probe: Probe, *, within: float, every: float = LOOK_EVERY_SECONDS) -> float:
    """Look until `probe` says None; returns the seconds it took.

    Raises RetryableError naming `what` and the last missing thing after `within` seconds. What the probe
    itself raises ends the wait at once.
    """
    begun = time.monotonic()
    while True:
        missing = probe()
        elapsed = time.monotonic() - begun
        if missing is None:
            return elapsed
        if elapsed > within:
            raise RetryableError(f"{what}: not so after {within:g} s; {missing}")
        time.sleep(every)


def http_answers(url: str, *, status: int = 200, timeout: float = 2.0) -> Probe:
    """A probe that wants `status` from `GET url`; every look is a new connection, never through a proxy."""

    def look() -> str | None:
        try:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.get(url, timeout=timeout)
        except requests.RequestException as error:
            return f"{url} cannot be reached ({type(error).__name__})"
        return None if answer.status_code == status else f"{url} answers {answer.status_code}, not {status}"

    return look
