"""Waiting for something outside to become true, with a deadline and a reason when it does not."""

import time
from collections.abc import Callable

import urllib3
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


def http_get(
    url: str, *, timeout: float = 5.0, pool: urllib3.PoolManager | None = None
) -> urllib3.BaseHTTPResponse:
    """The answer to `GET url`, never through a proxy; raises RetryableError when there is none.

    Without a `pool` of connections it takes a new one.
    """
    try:
        return (pool or urllib3.PoolManager()).request("GET", url, retries=False, timeout=timeout)
    except urllib3.exceptions.HTTPError as error:
        raise RetryableError(f"{url} does not answer ({type(error).__name__})") from error


def http_answers(url: str, *, status: int = 200, timeout: float = 2.0) -> Probe:
    """A probe that wants `status` from `GET url`; every look is a new connection, never through a proxy."""

    def look() -> str | None:
        try:
            answer = http_get(url, timeout=timeout)
        except RetryableError as error:
            return str(error)
        return None if answer.status == status else f"{url} answers {answer.status}, not {status}"

    return look
