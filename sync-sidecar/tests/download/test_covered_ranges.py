from hypothesis import given
from hypothesis import strategies as st
from model_sync.download.covered_ranges import CoveredRanges

_SIZE = 60
_ranges = st.lists(st.tuples(st.integers(0, _SIZE), st.integers(0, _SIZE)))


def _covered(ranges: list[tuple[int, int]]) -> tuple[CoveredRanges, set[int]]:
    covered, there = CoveredRanges(), set[int]()
    for start, end in ranges:
        covered.add(start, end)
        there |= set(range(start, end))
    return covered, there


@given(_ranges)
def test_it_counts_what_a_set_of_bytes_would(ranges: list[tuple[int, int]]) -> None:
    covered, there = _covered(ranges)
    assert covered.total == len(there)
    assert covered.frontier == next(at for at in range(_SIZE + 1) if at not in there)


@given(_ranges, st.integers(1, _SIZE))
def test_what_is_missing_completes_it_without_fetching_a_byte_twice(
    ranges: list[tuple[int, int]], longest: int
) -> None:
    covered, there = _covered(ranges)
    pieces = list(covered.missing(_SIZE, longest))
    fetched = [at for start, end in pieces for at in range(start, end)]
    assert sorted([*fetched, *there]) == list(range(_SIZE))
    assert all(0 < end - start <= longest for start, end in pieces)
