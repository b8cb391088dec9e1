"""Room on the volume: what fits, what goes for it, and what never does."""

from hypothesis import given
from hypothesis import strategies as st
from model_sync.bucket.catalog import Upload, UploadObject
from model_sync.planning.disk_budget import DiskRoom, Evictable, least_free

MIB = 1024 * 1024


def _upload(size: int) -> Upload:
    return Upload("m", "1", (UploadObject("model.onnx", "m/1/model.onnx", size, "e", 0.0),))


def test_an_upload_that_fits_needs_nothing_to_go() -> None:
    room = DiskRoom(free=100, evictable=(Evictable("m", 1, 50, 0.0),))
    assert room.shortage(_upload(100)) is None
    assert room.evictions(_upload(100)) == ()


def test_the_oldest_unserved_version_goes_first_and_no_more_than_needed() -> None:
    old, older, young = Evictable("a", 1, 20, 2.0), Evictable("b", 1, 20, 1.0), Evictable("c", 1, 20, 3.0)
    room = DiskRoom(free=10, used=200, evictable=(old, young, older))
    assert room.evictions(_upload(40)) == (older, old)


def test_what_is_left_of_a_rejected_upload_goes_before_any_version() -> None:
    old, rejected = Evictable("a", 1, 20, 1.0), Evictable("b", 0, 20, 9.0, staged="3")
    assert DiskRoom(free=10, evictable=(old, rejected)).evictions(_upload(30)) == (rejected,)


def test_what_running_fetches_will_write_counts_as_taken() -> None:
    assert DiskRoom(free=100, promised=60).lacking(50) == 10


def test_free_space_is_kept() -> None:
    assert DiskRoom(free=100, min_free=30).lacking(80) == 10


def test_what_has_arrived_already_is_not_needed_again() -> None:
    assert DiskRoom(free=100, staged={("m", "1"): 30}).shortage(_upload(130)) is None
    assert DiskRoom(free=100, staged={("m", "2"): 30}).shortage(_upload(130)) is not None


def test_the_limit_of_our_own_is_named_in_the_reason() -> None:
    room = DiskRoom(free=10**12, used=50 * MIB, max_bytes=60 * MIB)
    assert room.shortage(_upload(30 * MIB)) == (
        "needs 30.0 MiB, 20.0 MiB more than MODEL_SYNC_MAX_BYTES leaves; "
        "remove models from the bucket or make the volume larger"
    )


def test_a_full_volume_is_named_in_the_reason() -> None:
    reason = DiskRoom(free=MIB).shortage(_upload(2 * MIB))
    assert reason is not None
    assert "1.0 MiB more than the volume's free space leaves" in reason


def test_what_is_promised_is_no_longer_there_for_the_next() -> None:
    room = DiskRoom(free=100, used=50, evictable=(Evictable("a", 1, 20, 1.0), Evictable("b", 1, 20, 2.0)))
    gone = room.evictions(_upload(110))
    after = room.after_promise(_upload(110), gone)
    assert [version.model for version in after.evictable] == ["b"]
    assert (after.free, after.used, after.promised) == (120, 30, 110)
    assert after.shortage(_upload(31)) is not None
    assert after.shortage(_upload(30)) is None


def test_a_small_volume_is_not_mostly_kept_free() -> None:
    assert least_free(100 * MIB, None) == 5 * MIB
    assert least_free(10**12, None) == 256 * MIB
    assert least_free(10**12, 7) == 7


@given(
    free=st.integers(0, 1000),
    used=st.integers(0, 1000),
    promised=st.integers(0, 1000),
    limit=st.integers(0, 1000),
    need=st.integers(0, 1000),
    sizes=st.lists(st.integers(0, 300), max_size=6),
)
def test_after_the_evictions_everything_that_is_not_short_fits(
    *, free: int, used: int, promised: int, limit: int, need: int, sizes: list[int]
) -> None:
    evictable = tuple(Evictable("m", n, size, float(n)) for n, size in enumerate(sizes))
    room = DiskRoom(free, used, promised, max_bytes=limit, evictable=evictable)
    if room.shortage(_upload(need)) is None:
        after = room.after_promise(_upload(need), room.evictions(_upload(need)))
        assert after.lacking(0) == 0
