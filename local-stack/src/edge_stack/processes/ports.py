"""Ports that stay ours between choosing them and the moment a program listens on them."""

import errno
import socket
import sys
from typing import Self

from edge_common.errors import FatalError

HOST = "127.0.0.1"
"""What everything of the local stack listens on, but for a page that is opened to others."""

_HELD_PORT_CAN_BE_LISTENED_ON = sys.platform == "linux"


def is_listened_on(number: int, host: str = HOST) -> bool:
    """Whether a program has this port of an address of this machine already."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as asking:
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            asking.bind((host, number))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


class ReservedPort:
    """A TCP port of one address, kept from others until `close`.

    Linux lets a program that sets SO_REUSEADDR (as servers do) listen on a port that another socket, also
    with SO_REUSEADDR, has bound without listening; no port 0 bind and no outgoing connection is given that
    port meanwhile. So the number cannot be lost between choosing it and the program's start. Other systems
    have no such rule: there `let_program_listen` gives it up just before the start.
    """

    def __init__(self, preferred: int = 0, host: str = HOST) -> None:
        """Take `preferred` when nobody listens on it, else any free port.

        Raises FatalError when `host` is no IPv4 address of this machine.

        Only the free choice is exclusive: a `preferred` number that another process has reserved in this same
        way, but does not listen on yet, is taken all the same, and the later program finds it busy.
        """
        self.host = host
        self._holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._bind(preferred)
        except OSError as error:
            self._holder.close()
            raise FatalError(
                f"no port of {host} can be listened on ({error}); name an IPv4 address of this machine"
            ) from error
        self.number: int = self._holder.getsockname()[1]

    def _bind(self, preferred: int) -> None:
        try:
            self._holder.bind((self.host, preferred))
        except OSError:
            if preferred == 0:
                raise
            self._holder.bind((self.host, 0))

    def let_program_listen(self) -> None:
        """Call right before starting the program that will listen here."""
        if not _HELD_PORT_CAN_BE_LISTENED_ON:
            self.close()

    def close(self) -> None:
        """Give the port up; harmless when done twice."""
        self._holder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()
