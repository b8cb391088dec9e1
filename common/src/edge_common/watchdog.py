"""systemd's watchdog: a service tells that it is well for as long as its own health route says so.

systemd restarts a service with WatchdogSec that has told nothing for so long. What is told is one datagram
(sd_notify(3)), which is less than the least library for it.
"""

import http.client
import os
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from edge_common.logs import get_logger

_TELL_TIMES = 3
"""How often it is told within the time after which systemd acts; a look may take as long as a pause."""
_OK = 200
_HERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - recognised, not listened on
_LONGEST_STATUS = 200

_log = get_logger()


@dataclass(frozen=True)
class Watchdog:
    """Where systemd listens, and how often it wants to hear."""

    address: str
    every: float
    """Seconds."""

    @classmethod
    def asked_for(cls, environment: Mapping[str, str], pid: int) -> "Watchdog | None":
        """What systemd's variables ask of the process `pid`; None: nothing, or of another process."""
        address, period = environment.get("NOTIFY_SOCKET", ""), environment.get("WATCHDOG_USEC", "")
        meant = environment.get("WATCHDOG_PID", str(pid)) == str(pid)
        if not address.startswith(("/", "@")) or not period.isdecimal() or int(period) == 0 or not meant:
            return None
        return cls(address, int(period) / 1e6 / _TELL_TIMES)

    def tell(self, *assignments: str) -> None:
        """Send one message, such as `WATCHDOG=1`; raises OSError when nobody takes it."""
        address = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
            sending.settimeout(self.every)
            sending.sendto("\n".join(assignments).encode(), address)


@contextmanager
def watched_by_systemd(host: str, port: int, route: str) -> Iterator[None]:
    """Inside, systemd is told that this process is well whenever `GET http://host:port/route` answers 200.

    The first such answer also tells it that the service has started, as Type=notify wants. Nothing happens
    where systemd does not ask for it.
    """
    watchdog = Watchdog.asked_for(os.environ, os.getpid())
    if watchdog is None:
        yield
        return
    done = threading.Event()
    thread = threading.Thread(
        target=_feed, args=(watchdog, _HERE.get(host, host), port, route, done), name="watchdog", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        done.set()
        _try_to_tell(watchdog, "STOPPING=1")


def _feed(watchdog: Watchdog, host: str, port: int, route: str, done: threading.Event) -> None:
    started = False
    while not done.is_set():
        why = unhealthy(host, port, route, timeout=watchdog.every)
        if why is None:
            _try_to_tell(watchdog, "WATCHDOG=1", "STATUS=well", *(() if started else ("READY=1",)))
            started = True
        else:
            _try_to_tell(watchdog, f"STATUS={route} {why}"[:_LONGEST_STATUS])
        done.wait(watchdog.every)


def unhealthy(host: str, port: int, route: str, *, timeout: float) -> str | None:
    """Why the health route does not say that all is well; None: it does."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", route)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"does not answer ({type(error).__name__})"
    finally:
        connection.close()
    return None if status == _OK else f"answers {status}"


def _try_to_tell(watchdog: Watchdog, *assignments: str) -> None:
    try:
        watchdog.tell(*assignments)
    except OSError as error:
        _log.warning("systemd_not_told", reason=error.strerror or str(error))
