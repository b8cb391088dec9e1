"""Messages from any thread to every open event stream."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Mapping

_QUEUED = 64
_ALIVE_SECONDS = 15.0
"""Shorter than the idle limits of common proxies (60 s)."""
_RECONNECT_MS = 1000
_RESYNC = "event: resync\ndata: {}\n\n"
MOST_LISTENERS = 64


class Broadcast:
    """Fans messages out; a listener that is too slow is told to read everything anew instead."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: set[_Listener] = set()
        self._closed = False

    @property
    def is_full(self) -> bool:
        """Whether there are as many listeners as are served at once."""
        return len(self._listeners) >= MOST_LISTENERS

    def publish(self, event: str, data: Mapping[str, object]) -> None:
        """Send to everybody who listens now; never waits."""
        message = f"event: {event}\ndata: {json.dumps(data)}\n\n"
        with self._lock:
            for listener in self._listeners:
                listener.offer(message)

    async def listen(self) -> AsyncIterator[str]:
        """The messages from now on as server-sent events, with a comment now and then for proxies.

        The first one is `resync`: whoever reads everything then misses nothing, because what changes from
        then on comes as a message, unlike what changes while the answer is only begun.
        """
        listener = _Listener(asyncio.get_running_loop())
        with self._lock:
            if self._closed:
                return
            self._listeners.add(listener)
        try:
            yield f"retry: {_RECONNECT_MS}\n\n{_RESYNC}"
            while True:
                message = await listener.next_message()
                if message is None:
                    return
                yield message
        finally:
            with self._lock:
                self._listeners.discard(listener)

    def close(self) -> None:
        """End every stream; those who connect afterwards get an empty one."""
        with self._lock:
            self._closed = True
            for listener in self._listeners:
                listener.end()


class _Listener:
    """One stream's messages on their way into its event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()

    def offer(self, message: str) -> None:
        self._loop.call_soon_threadsafe(self._put, message)

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._queue.put_nowait, None)

    async def next_message(self) -> str | None:
        """None when the stream is over."""
        try:
            return await asyncio.wait_for(self._queue.get(), _ALIVE_SECONDS)
        except TimeoutError:
            return ": still here\n\n"

    def _put(self, message: str) -> None:
        if self._queue.qsize() < _QUEUED:
            self._queue.put_nowait(message)
            return
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait(_RESYNC)
