"""Small objects, read whole, several at a time over kept connections by one thread.

A thread for each of them would spend more on handing over than on reading. The thread begins with the first
request and ends when none is left.
"""

import math
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from time import sleep

import pycurl

from model_sync.store.curl_handle import Signer, TimeLimits

MOST_BYTES = 256 * 1024
"""Of an object that is read whole, and lost when the process is killed meanwhile; more is a failure."""
_LONGEST_WAIT = 0.25
_ROOM_LEFT_WAIT = 0.01
"""Seconds until the next look for new requests while connections are free."""
_NO_DESCRIPTOR_PAUSE = 0.001


@dataclass(frozen=True)
class SmallAnswer:
    """What came of one request; `content` is what arrived, also when it `failure` ended it early."""

    key: str
    status: int
    head: Sequence[bytes]
    content: bytes
    first_byte_after: float
    took: float
    """Seconds, like the one before."""
    failure: OSError | None


@dataclass(frozen=True)
class SmallRequest:
    """One object to read."""

    key: str
    url: str
    headers: Sequence[str]
    signer: Signer


@dataclass(eq=False)
class _Pending:
    request: SmallRequest
    answers: "SimpleQueue[SmallAnswer]"
    abandoned: bool = False
    """Nobody waits for the answer any more."""

    def answer(
        self,
        failure: OSError | None,
        status: int = 0,
        head: Sequence[bytes] = (),
        content: bytes = b"",
        times: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        self.answers.put(SmallAnswer(self.request.key, status, head, content, *times, failure))


@dataclass(eq=False)
class _Connection:
    """A handle that is reused; only what differs from the request before is set."""

    handle: pycurl.Curl
    head: list[bytes] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    pending: _Pending | None = None
    signer: Signer | None = None

    def begin(self, pending: _Pending) -> None:
        self.pending, request = pending, pending.request
        if self.signer != request.signer:
            self.signer = request.signer
            request.signer.sign(self.handle)
        self.handle.setopt(pycurl.URL, request.url)
        self.handle.setopt(pycurl.HTTPHEADER, request.headers)

    def end(self, failure: OSError | None) -> None:
        if self.pending is not None:
            self.pending.answer(
                failure,
                self.handle.getinfo(pycurl.RESPONSE_CODE),
                tuple(self.head),
                b"".join(self.chunks),
                (self.handle.getinfo(pycurl.STARTTRANSFER_TIME), self.handle.getinfo(pycurl.TOTAL_TIME)),
            )
        self.pending = None
        self.head.clear()
        self.chunks.clear()


class SmallReads:
    """Reads objects for any number of threads. Thread-safe."""

    def __init__(self, new_handle: Callable[[], pycurl.Curl], limits: TimeLimits, connections: int) -> None:
        """At most `connections` requests are under way at a time; nothing is connected yet."""
        self._new_handle = new_handle
        self._silence = max(1, math.ceil(limits.silence))  # libcurl counts whole seconds
        self._most = connections
        self._lock = threading.Lock()
        self._running = False
        self._waiting: deque[_Pending] = deque()
        self._multi = pycurl.CurlMulti()
        self._free: list[_Connection] = []
        self._busy: dict[pycurl.Curl, _Connection] = {}

    def read(self, requests: Sequence[SmallRequest], stopped: Callable[[], bool]) -> Iterator[SmallAnswer]:
        """The answers to `requests`, as they come, until `stopped`. What is not taken is given up."""
        answers: SimpleQueue[SmallAnswer] = SimpleQueue()
        pending = [_Pending(request, answers) for request in requests]
        with self._lock:
            self._waiting.extend(pending)
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="small-reads", daemon=True).start()
        try:
            taken = 0
            while taken < len(pending) and not stopped():
                try:
                    answer = answers.get(timeout=_LONGEST_WAIT)
                except Empty:
                    continue
                taken += 1
                yield answer
        finally:
            for one in pending:
                one.abandoned = True

    def _run(self) -> None:
        try:
            while self._begin_some():
                self._multi.perform()
                self._end_some()
                if self._busy:
                    wait = _ROOM_LEFT_WAIT if len(self._busy) < self._most else _LONGEST_WAIT
                    if self._multi.select(wait) < 0:
                        sleep(_NO_DESCRIPTOR_PAUSE)  # libcurl is between two sockets, or resolves a name
        except BaseException as error:
            self._give_up(ConnectionError(f"reading small objects failed: {error}"))
            raise

    def _begin_some(self) -> bool:
        """Begin what there is room for; False, and the end of the thread, when nothing is left to do."""
        for connection in [c for c in self._busy.values() if c.pending is not None and c.pending.abandoned]:
            self._release(connection, None)
        while len(self._busy) < self._most and self._waiting:
            pending = self._waiting.popleft()
            if not pending.abandoned:
                connection = self._free.pop() if self._free else self._connection()
                self._busy[connection.handle] = connection
                connection.begin(pending)
                self._multi.add_handle(connection.handle)
        if self._busy:
            return True
        with self._lock:
            self._running = bool(self._waiting)
            return self._running

    def _end_some(self) -> None:
        more = 1
        while more:
            more, succeeded, failed = self._multi.info_read()
            for handle in succeeded:
                self._release(self._busy[handle], None)
            for handle, code, reason in failed:
                silent = code == pycurl.E_OPERATION_TIMEDOUT
                failure = TimeoutError(reason) if silent else ConnectionError(reason)
                self._release(self._busy[handle], failure)

    def _release(self, connection: _Connection, failure: OSError | None) -> None:
        self._multi.remove_handle(connection.handle)  # an unfinished answer's connection is closed by this
        del self._busy[connection.handle]
        connection.end(failure)
        self._free.append(connection)

    def _connection(self) -> _Connection:
        connection = _Connection(self._new_handle())
        # what Python's own code would do for each header costs more than the request
        connection.handle.setopt(pycurl.HEADERFUNCTION, connection.head.append)
        connection.handle.setopt(pycurl.WRITEFUNCTION, connection.chunks.append)
        connection.handle.setopt(pycurl.MAXFILESIZE, MOST_BYTES)
        connection.handle.setopt(pycurl.LOW_SPEED_LIMIT, 1)
        connection.handle.setopt(pycurl.LOW_SPEED_TIME, self._silence)
        return connection

    def _give_up(self, failure: OSError) -> None:
        """Nobody may wait for a thread that has ended."""
        for connection in self._busy.values():
            connection.end(failure)
        self._busy.clear()
        with self._lock:
            self._running = False
            self._multi = pycurl.CurlMulti()
            while self._waiting:
                self._waiting.popleft().answer(failure)
