"""Reads of objects, each bound to the state that was listed, on stores that keep that promise and others.

An answer counts only when its range, size and ETag are those that were asked for. A store without If-Match is
read without it; one whose listing and objects carry different ETags is bound to the object's own. Where the
bandwidth is limited, all reads share one token bucket. A store that trickles is given up, and asked again.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from http import HTTPStatus

from edge_common.errors import RetryableError
from urllib3.exceptions import ReadTimeoutError

from model_sync.bucket.keys import quoted
from model_sync.store.errors import ObjectChangedError, RangeIgnoredError, S3RefusalError
from model_sync.store.listing import Page
from model_sync.store.object_store import (
    ByteStream,
    Listed,
    ObjectFacts,
    Part,
    check_part,
    is_listed_state,
    same_date,
)
from model_sync.store.s3_client import Answer, Request, S3Client

_SLICE_SECONDS = 0.25
"""Bytes of this long are read at a time, so that nobody waits long before looking at a cancellation."""
_SMALLEST_SLICE = 1024


class TokenBucket:
    """Grants bytes at `rate` a second, in the order of asking. Thread-safe."""

    def __init__(
        self,
        rate: float,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`rate` in bytes per second, above 0; time and sleep can be replaced for tests."""
        self.slice = max(_SMALLEST_SLICE, int(rate * _SLICE_SECONDS))
        self._rate = rate
        self._monotonic = monotonic
        self._sleep = sleep
        self._lock = threading.Lock()
        self._free_at = monotonic()

    def take(self, count: int) -> None:
        """Account for `count` bytes that were read; returns when the rate allows them.

        Time in which nobody read is not saved up: after a pause the rate is what it was before.
        """
        with self._lock:
            now = self._monotonic()
            self._free_at = max(self._free_at, now) + count / self._rate
            pause = self._free_at - now
        self._sleep(pause)


class ThrottledStream:
    """A stream that is read no faster than its bucket grants."""

    def __init__(self, stream: ByteStream, bucket: TokenBucket) -> None:
        """`bucket` is shared with every other stream of the process."""
        self._stream = stream
        self._bucket = bucket

    def read(self, amt: int | None = None, /) -> bytes:
        """At most `amt` bytes, and at most a slice of the bucket; empty at the end."""
        wanted = self._bucket.slice if amt is None else min(amt, self._bucket.slice)
        chunk = self._stream.read(wanted)
        self._bucket.take(len(chunk))
        return chunk


LEAST_RATE, _RATE_OVER = 256, 60.0
"""Bytes a second that one object has to come with, in every so many seconds of waiting for it.

Eight downloads at a time still fit through a line of 16 kbit/s.
"""


class PacedStream:
    """A stream of one object that has to come at `LEAST_RATE`; nobody else would end one that trickles."""

    def __init__(
        self, stream: ByteStream, key: str, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`stream` may not hold back what has arrived; only time in its reads counts."""
        self._stream = stream
        self._key = key
        self._monotonic = monotonic
        self._waited = 0.0
        self._came = 0

    def read(self, amt: int | None = None, /) -> bytes:
        """See ByteStream; raises RetryableError, which names the rate, once it is too low."""
        begun = self._monotonic()
        try:
            chunk = self._stream.read(amt)
        except ReadTimeoutError as error:
            raise self._too_slow(0.0) from error
        self._waited += self._monotonic() - begun
        self._came += len(chunk)
        if self._waited >= _RATE_OVER:
            rate = self._came / self._waited
            if chunk and rate < LEAST_RATE:
                raise self._too_slow(rate)
            self._waited, self._came = 0.0, 0
        return chunk

    def _too_slow(self, rate: float) -> RetryableError:
        return RetryableError(
            f"the store sent {quoted(self._key)} at {rate:.2f} bytes a second, less than {LEAST_RATE}; "
            "what arrived is kept, and it is tried again; check the network and the store"
        )


_REMEMBERED = 10_000
"""Objects whose own ETags are kept; the oldest are found out again."""
_WITHOUT_CONDITIONS = frozenset({HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.BAD_REQUEST})


class ObjectReads:
    """Opens objects of one bucket. Thread-safe."""

    def __init__(self, client: S3Client) -> None:
        """Nothing is known of the store yet."""
        self._client = client
        self._conditional = True
        self._own_etags: dict[tuple[str, str, float], str] = {}
        self._lock = threading.Lock()

    @contextmanager
    def open(self, listed: Listed, part: Part) -> Iterator[tuple[Answer, ObjectFacts]]:
        """The answer with the bytes of `part`, and what its head says of the object.

        Raises ObjectChangedError for another state than the listed one, RangeIgnoredError where the store
        cannot give this part or does not say of which state it is, and as `check_part` and the client do.
        """
        with ExitStack() as opened:
            answer = self._answered(listed, part, opened)
            facts = ObjectFacts.of(answer.headers)
            check_part(answer.status, answer.headers, listed, part)
            known = is_listed_state(facts, listed, self._etag_of(listed))
            if known is None and not part.whole:
                raise RangeIgnoredError(
                    f"the store does not say which state of {quoted(listed.key)} it gives"
                )
            if known is False and not self._learnt(listed, facts):
                raise ObjectChangedError(
                    f"{quoted(listed.key)} comes with another ETag than it was listed with; it was replaced "
                    "since, or something before the store answers what it kept"
                )
            yield answer, facts if part.whole else replace(facts, sha256=None)

    def _answered(self, listed: Listed, part: Part, opened: ExitStack) -> Answer:
        try:
            return opened.enter_context(self._client.open(self._request(listed, part)))
        except S3RefusalError as refusal:
            if not self._can_do_better(listed, refusal):
                raise
        return opened.enter_context(self._client.open(self._request(listed, part)))

    def _request(self, listed: Listed, part: Part) -> Request:
        headers = {}
        etag = self._etag_of(listed)
        if etag and self._conditional:
            headers["if-match"] = f'"{etag}"'
        if part.whole:
            headers["x-amz-checksum-mode"] = "ENABLED"
        else:
            headers["range"] = f"bytes={part.offset}-{part.end(listed.size) - 1}"
        return Request("GET", listed.key, headers=headers)

    def _can_do_better(self, listed: Listed, refusal: S3RefusalError) -> bool:
        """Whether the store refused what it does not know, or an ETag that its listing made up."""
        if not self._conditional or not listed.etag:
            return False
        unknown = refusal.code in {"NotImplemented", "InvalidArgument", ""}
        if unknown and refusal.status in _WITHOUT_CONDITIONS:
            self._conditional = False
            return True
        if refusal.status != HTTPStatus.PRECONDITION_FAILED:
            return False
        with self._client.open(Request("HEAD", listed.key)) as head:
            length = head.headers.get("content-length", "")
            return length == str(listed.size) and self._learnt(listed, ObjectFacts.of(head.headers))

    def _learnt(self, listed: Listed, facts: ObjectFacts) -> bool:
        """Keep the object's own ETag when it is the listed object nevertheless.

        Its date tells that; without one, that the store lists the object as before.
        """
        place = (listed.key, listed.etag, listed.modified)
        same = same_date(facts, listed)
        same = self._is_listed_still(listed) if same is None else same
        with self._lock:
            known = self._own_etags.pop(place, None)
            if facts.etag and facts.etag.casefold() == listed.etag.casefold():
                return True  # the listing was right after all
            if not facts.etag or not same or known not in {None, facts.etag}:
                return False
            while len(self._own_etags) >= _REMEMBERED:
                self._own_etags.pop(next(iter(self._own_etags)))
            self._own_etags[place] = facts.etag
            return True

    def _is_listed_still(self, listed: Listed) -> bool:
        query = {"list-type": "2", "max-keys": "1", "encoding-type": "url", "prefix": listed.key}
        page = Page(self._client.ask(Request("GET", query=query)), partial=True)
        state = listed.key, listed.size, listed.etag, listed.modified
        return any((one.key, one.size, one.etag, one.modified) == state for one in page.objects())

    def _etag_of(self, listed: Listed) -> str:
        return self._own_etags.get((listed.key, listed.etag, listed.modified), listed.etag)
