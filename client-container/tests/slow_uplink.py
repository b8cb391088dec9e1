"""A way to a server on which bytes towards it take their time, as over a mobile network."""

import socket
import threading
import time
from types import TracebackType
from typing import Self

_CHUNK = 4096


class SlowUplink:
    """Forwards connections to `port` of this machine; `bytes_per_second` towards it, no limit back."""

    def __init__(self, port: int, *, bytes_per_second: float) -> None:
        self._port = port
        self._seconds_per_chunk = _CHUNK / bytes_per_second
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for end in (self._listener, *self._open):
            end.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._port))
            self._open += [near, far]
            for source, target, pause in ((near, far, self._seconds_per_chunk), (far, near, 0.0)):
                threading.Thread(target=_forward, args=(source, target, pause), daemon=True).start()


def _forward(source: socket.socket, target: socket.socket, pause: float) -> None:
    try:
        while chunk := source.recv(_CHUNK):
            time.sleep(pause * len(chunk) / _CHUNK)
            target.sendall(chunk)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return
