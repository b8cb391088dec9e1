import io
from unittest.mock import MagicMock

import pytest
from edge_common.errors import RetryableError
from model_sync.store.object_reads import LEAST_RATE, PacedStream, ThrottledStream, TokenBucket
from urllib3.exceptions import ReadTimeoutError


class _Time:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def _bucket(time: _Time, rate: float) -> TokenBucket:
    return TokenBucket(rate, monotonic=time.monotonic, sleep=time.sleep)


def test_two_streams_together_take_the_time_that_the_rate_demands() -> None:
    time = _Time()
    bucket = _bucket(time, 100_000)
    streams = [ThrottledStream(io.BytesIO(bytes(250_000)), bucket) for _ in range(2)]
    while any(stream.read(1_000_000) for stream in streams):
        pass
    assert time.now == 105.0


def test_a_pause_saves_nothing_up() -> None:
    time = _Time()
    bucket = _bucket(time, 1000)
    time.now += 3600
    bucket.take(5000)
    assert time.now == 3705.0


def test_a_read_is_never_longer_than_a_quarter_of_a_second() -> None:
    time = _Time()
    stream = ThrottledStream(io.BytesIO(bytes(1_000_000)), _bucket(time, 400_000))
    assert len(stream.read(1_000_000)) == 100_000
    assert len(stream.read()) == 100_000


class _Trickle:
    """Gives `size` bytes `every` so many seconds, up to `total`."""

    def __init__(self, time: _Time, size: int, *, every: float, total: int = 1_000_000) -> None:
        self._time, self._size, self._every, self._left = time, size, every, total

    def read(self, amt: int | None = None, /) -> bytes:
        self._time.sleep(self._every)
        given = min(self._size, self._left, self._size if amt is None else amt)
        self._left -= given
        return bytes(given)


def _paced(time: _Time, size: int, *, every: float, total: int = 1_000_000) -> PacedStream:
    return PacedStream(_Trickle(time, size, every=every, total=total), "m/1/a.bin", monotonic=time.monotonic)


def _read_all(stream: PacedStream) -> None:
    while stream.read(1000):
        pass


@pytest.mark.parametrize(
    ("size", "every", "rate"), [(1, 29.0, "0.03"), (1, 1.0, "1.00"), (LEAST_RATE - 1, 1.0, "255.00")]
)
def test_a_store_that_trickles_is_given_up_and_the_rate_is_named(size: int, every: float, rate: str) -> None:
    time = _Time()
    stream = _paced(time, size, every=every)
    with pytest.raises(RetryableError, match=rf"'m/1/a\.bin' at {rate} bytes a second, less than 256;"):
        _read_all(stream)
    assert time.now - 100.0 < 90.0


def test_a_store_that_falls_silent_is_told_by_the_same_rate() -> None:
    silent = MagicMock(read=MagicMock(side_effect=ReadTimeoutError(MagicMock(), "", "Read timed out.")))
    with pytest.raises(RetryableError, match=r"at 0\.00 bytes a second, less than 256; what arrived is kept"):
        PacedStream(silent, "m/1/a.bin").read(1000)


def test_a_slow_store_that_keeps_the_rate_is_read_to_the_end_as_is_a_short_rest() -> None:
    time = _Time()
    _read_all(_paced(time, LEAST_RATE, every=1.0, total=LEAST_RATE * 600))
    assert time.now == 100.0 + 601.0
    rest = _paced(time, 10, every=61.0, total=0)
    assert rest.read(1000) == b""


def test_time_that_the_bandwidth_or_the_disk_takes_is_not_the_stores() -> None:
    time = _Time()
    stream = ThrottledStream(
        PacedStream(io.BytesIO(bytes(3000)), "k", monotonic=time.monotonic), _bucket(time, 8)
    )
    while stream.read(1000):
        time.sleep(100.0)
