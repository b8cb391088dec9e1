import io

from model_sync.store.object_reads import ThrottledStream, TokenBucket


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
