from hypothesis import given
from hypothesis import strategies as st
from ovms_lite.config.entries import AllVersions, LatestVersions, SpecificVersions

ON_DISK = frozenset((3, 4, 5, 18, 25, 100))


def test_latest_takes_the_highest_numbers() -> None:
    assert LatestVersions().select(ON_DISK) == {100}
    assert LatestVersions(2).select(ON_DISK) == {100, 25}


def test_latest_compares_numbers_not_names() -> None:
    assert LatestVersions().select(frozenset((9, 10))) == {10}


def test_specific_takes_the_named_versions_that_are_there() -> None:
    assert SpecificVersions(frozenset((4, 5, 6, 7))).select(ON_DISK) == {4, 5}


def test_all_takes_everything() -> None:
    assert AllVersions().select(ON_DISK) == ON_DISK


@given(st.frozensets(st.integers(1, 10**9)), st.integers(1, 20))
def test_latest_never_leaves_out_a_higher_version_than_it_takes(
    available: frozenset[int], count: int
) -> None:
    chosen = LatestVersions(count).select(available)
    assert len(chosen) == min(count, len(available))
    assert all(low < high for low in available - chosen for high in chosen)
