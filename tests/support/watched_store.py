"""A TCP relay in front of the store that notes which objects are asked for, and from which byte on."""

import re
import selectors
import socket
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import unquote

_REQUEST = re.compile(rb"GET /[^/ ?]+/([^ ?]+) HTTP/1\.1\r\n((?:[^\r\n]+\r\n)*)\r\n")
_RANGE = re.compile(rb"(?i)range: bytes=(\d+)-(\d*)")
_CHUNK = 64 * 1024


@dataclass(frozen=True)
class ObjectRequest:
    """A GET of an object; `start` is its first byte asked for, `end` the one after the last, None: all."""

    key: str
    start: int
    end: int | None


class WatchedStore:
    """Relays to `endpoint`; `bytes_per_second` slows the answers of each connection down."""

    def __init__(self, endpoint: str, bytes_per_second: int) -> None:
        host, _, port = endpoint.removeprefix("http://").partition(":")
        self._target = (host, int(port))
        self._rate = bytes_per_second
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests: list[ObjectRequest] = []

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        self._listener.settimeout(0.2)
        while not self._stopping.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            # small buffers: what the reader has not taken must not look as if it had arrived
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _CHUNK)
            thread = threading.Thread(target=self._relay, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _relay(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target) as store, selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ, store)
            ready.register(store, selectors.EVENT_READ, client)
            asked = b""
            while not self._stopping.is_set():
                for key, _ in ready.select(0.2):
                    source = key.fileobj
                    assert isinstance(source, socket.socket)
                    try:
                        data = source.recv(_CHUNK)
                        if not data:
                            return
                        if source is client:
                            asked = self._note(asked + data)
                        else:
                            self._stopping.wait(len(data) / self._rate)
                        key.data.sendall(data)
                    except OSError:
                        return  # one side was killed, which is what these tests do

    def _note(self, asked: bytes) -> bytes:
        for match in _REQUEST.finditer(asked):
            found = _RANGE.search(match[2])
            start, last = (found[1], found[2]) if found else (b"0", b"")
            end = int(last) + 1 if last else None
            self.requests.append(ObjectRequest(unquote(match[1].decode()), int(start), end))
        return asked[-4096:] if not _REQUEST.search(asked) else b""
