"""Ports that stay ours between choosing them and the moment a program listens on them."""

import socket
import sys
from typing import Self

HOST = "127.0.0.1"
"""The only address anything of the local stack listens on."""

_HELD_PORT_CAN_BE_LISTENED_ON = sys.platform == "linux"


class ReservedPort:
    """A TCP port of 127.0.0.1, kept from others until `close`.

    Linux lets a program that sets SO_REUSEADDR (as servers do) listen on a port that another socket, also
    with SO_REUSEADDR, has bound without listening; no port 0 bind and no outgoing connection is given that
    port meanwhile. So the number cannot be lost between choosing it and the program's start. Other systems
    have no such rule: there `let_program_listen` gives it up just before the start.
    """

    def __init__(self, preferred: int = 0) -> None:
        """Take `preferred` when nobody listens on it, else any free port.

        Only the free choice is exclusive: a `preferred` number that another process has reserved in this same
        way, but does not listen on yet, is taken all the same, and the later program finds it busy.
        """
        self._holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._holder.bind((HOST, preferred))
        except OSError:
            if preferred == 0:
                self._holder.close()
                raise
            self._holder.bind((HOST, 0))
        self.number: int = self._holder.getsockname()[1]

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
