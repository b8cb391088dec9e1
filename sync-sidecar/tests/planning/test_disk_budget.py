"""Room on the volume: what fits, what goes for it, and what never does."""

from hypothesis import given
from hypothesis import strategies as st
from model_sync.planning.disk_budget import DiskRoom, Evictable

MIB = 1024 * 1024


def test_an_upload_that_fits_needs_nothing_to_go() -> None:
    room = DiskRoom(free=100, used=0, promised=0)
    assert room.refusal(100, []) is None
    assert room.evictions(100, [Evictable("m", 1, 50, 0.0)]) == []


def test_the_oldest_unserved_version_goes_first_and_no_more_than_needed() -> None:
    room = DiskRoom(free=10, used=200, promised=0)
    old, older, young = Evictable("a", 1, 20, 2.0), Evictable("b", 1, 20, 1.0), Evictable("c", 1, 20, 3.0)
    assert room.evictions(40, [old, young, older]) == [older, old]


def test_what_running_fetches_will_write_counts_as_taken() -> None:
    assert DiskRoom(free=100, used=0, promised=60).lacking(50) == 10


def test_free_space_is_kept() -> None:
    assert DiskRoom(free=100, used=0, promised=0, min_free=30).lacking(80) == 10


def test_the_limit_of_our_own_is_named_in_the_refusal() -> None:
    room = DiskRoom(free=10**12, used=50 * MIB, promised=0, max_bytes=60 * MIB)
    refusal = room.refusal(30 * MIB, [])
    assert refusal == (
        "needs 30.0 MiB, 20.0 MiB more than MODEL_SYNC_MAX_BYTES leaves; "
        "remove models from the bucket or make the volume larger"
    )


def test_a_full_volume_is_named_in_the_refusal() -> None:
    refusal = DiskRoom(free=MIB, used=0, promised=0).refusal(2 * MIB, [])
    assert refusal is not None
    assert "1.0 MiB more than the volume's free space leaves" in refusal


@given(
    free=st.integers(0, 1000),
    used=st.integers(0, 1000),
    promised=st.integers(0, 1000),
    limit=st.integers(0, 1000),
    need=st.integers(0, 1000),
    sizes=st.lists(st.integers(0, 300), max_size=6),
)
def test_after_the_evictions_everything_that_was_not_refused_fits(
    *, free: int, used: int, promised: int, limit: int, need: int, sizes: list[int]
) -> None:
    room = DiskRoom(free=free, used=used, promised=promised, max_bytes=limit)
    evictable = [
        Evictable("m", local_version, size, float(local_version)) for local_version, size in enumerate(sizes)
    ]
    if room.refusal(need, evictable) is None:
        freed = sum(version.size for version in room.evictions(need, evictable))
        after = DiskRoom(free=free + freed, used=used - freed, promised=promised, max_bytes=limit)
        assert after.lacking(need) == 0
