from edge_common.served_state import VersionState
from hypothesis import given
from hypothesis import strategies as st
from model_sync.planning.activation import Wish, has_ended, next_configured
from sync_views import available


def _wish(*local_versions: int, complete: bool = True) -> Wish:
    return Wish(frozenset(local_versions), complete)


def test_a_new_version_is_listed_beside_the_old_one_until_it_answers() -> None:
    assert next_configured([1], _wish(2), available(1)) == (1, 2)
    loading = {**available(1), 2: VersionState.LOADING}
    assert next_configured([1, 2], _wish(2), loading) == (1, 2)
    assert next_configured([1, 2], _wish(2), available(1, 2)) == (2,)


def test_nothing_leaves_while_something_wished_is_still_to_come() -> None:
    assert next_configured([1, 2], _wish(2, complete=False), available(1, 2)) == (1, 2)
    assert next_configured([1], _wish(), available(1)) == (1,)


def test_a_dead_version_leaves_at_once_and_the_old_one_stays() -> None:
    served = {**available(1), 2: VersionState.FAILED}
    assert next_configured([1, 2], _wish(complete=False), served, dead=[2]) == (1,)


def test_nothing_new_is_listed_while_the_server_is_away() -> None:
    assert next_configured([1], _wish(2), None) == (1,)
    assert next_configured([1], Wish(frozenset(), complete=True, remove=True), None) == (1,)


def test_a_version_that_ends_the_server_leaves_while_it_is_away() -> None:
    assert next_configured([1, 2], _wish(2), None, dead=[2]) == (1,)


def test_a_lower_version_waits_until_a_failed_higher_one_has_ended() -> None:
    assert next_configured([], _wish(6), {7: VersionState.FAILED}) == ()
    assert next_configured([], _wish(6), {7: VersionState.END}) == (6,)
    assert next_configured([], _wish(8), {7: VersionState.FAILED}) == (8,)


def test_a_removed_model_leaves_as_a_whole() -> None:
    assert next_configured([1, 2], Wish(frozenset(), complete=True, remove=True), available(1, 2)) == ()


def test_only_the_server_says_that_a_version_has_ended() -> None:
    assert has_ended(1, {})
    assert has_ended(1, {1: VersionState.END})
    assert not has_ended(1, {1: VersionState.UNLOADING})
    assert not has_ended(1, None)


_NUMBERS = st.sets(st.integers(1, 9), max_size=5)
_STATES = st.dictionaries(st.integers(1, 9), st.sampled_from(VersionState))


@given(_NUMBERS, _NUMBERS, st.booleans(), _STATES | st.none())
def test_an_answering_version_leaves_only_for_answering_ones(
    current: set[int], wished: set[int], complete: bool, served: dict[int, VersionState] | None
) -> None:
    after = next_configured(current, Wish(frozenset(wished), complete), served)
    assert list(after) == sorted(set(after))
    if set(after) >= current:
        return
    assert served is not None
    assert set(after) == wished
    assert all(served[local_version] is VersionState.AVAILABLE for local_version in after)
    assert wished <= current
