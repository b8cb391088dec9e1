import pytest
from edge_common.served_state import VersionState
from hypothesis import given
from hypothesis import strategies as st
from model_snapshots import available, snap, state, stored, upload, upload_object
from model_sync.planning.activation import (
    Target,
    local_version_for,
    must_step_aside,
    next_configured,
    number_to_take,
)
from model_sync.planning.model_snapshot import ModelSnapshot, has_ended
from model_sync.planning.state import ModelState


def _target(*local_versions: int, complete: bool = True) -> Target:
    return Target(frozenset(local_versions), complete)


def test_a_new_version_is_listed_beside_the_old_one_until_it_answers() -> None:
    assert next_configured([1], _target(2), available(1)) == (1, 2)
    loading = {**available(1), 2: VersionState.LOADING}
    assert next_configured([1, 2], _target(2), loading) == (1, 2)
    assert next_configured([1, 2], _target(2), available(1, 2)) == (2,)


def test_nothing_leaves_while_something_targeted_is_still_to_come() -> None:
    assert next_configured([1, 2], _target(2, complete=False), available(1, 2)) == (1, 2)
    assert next_configured([1], _target(), available(1)) == (1,)


def test_a_failed_version_leaves_at_once_and_the_old_one_stays() -> None:
    served = {**available(1), 2: VersionState.FAILED}
    assert next_configured([1, 2], _target(complete=False), served, failed=[2]) == (1,)


def test_nothing_new_is_listed_while_the_server_is_away() -> None:
    assert next_configured([1], _target(2), None) == (1,)
    assert next_configured([1], Target(frozenset(), complete=True, remove=True), None) == (1,)


def test_while_the_server_is_busy_versions_are_listed_and_none_leaves() -> None:
    assert next_configured([1], _target(2), available(1), server_busy=True) == (1, 2)
    assert next_configured([1, 2], _target(2), available(1, 2), server_busy=True) == (1, 2)
    gone = Target(frozenset(), complete=True, remove=True)
    assert next_configured([1], gone, available(1), server_busy=True) == (1,)


def test_a_version_that_ends_the_server_leaves_while_it_is_away() -> None:
    assert next_configured([1, 2], _target(2), None, failed=[2]) == (1,)


def test_a_lower_version_waits_until_a_failed_higher_one_has_ended() -> None:
    assert next_configured([], _target(6), {7: VersionState.FAILED}) == ()
    assert next_configured([], _target(6), {7: VersionState.END}) == (6,)
    assert next_configured([], _target(8), {7: VersionState.FAILED}) == (8,)


def test_a_removed_model_leaves_as_a_whole() -> None:
    assert next_configured([1, 2], Target(frozenset(), complete=True, remove=True), available(1, 2)) == ()


def test_only_the_server_says_that_a_version_has_ended() -> None:
    assert has_ended(1, {})
    assert has_ended(1, {1: VersionState.END})
    assert not has_ended(1, {1: VersionState.UNLOADING})
    assert not has_ended(1, None)


_NUMBERS = st.sets(st.integers(1, 9), max_size=5)
_STATES = st.dictionaries(st.integers(1, 9), st.sampled_from(VersionState))


@given(_NUMBERS, _NUMBERS, _NUMBERS, st.booleans(), _STATES | st.none())
def test_an_answering_version_leaves_only_for_answering_ones(
    current: set[int],
    targeted: set[int],
    aside: set[int],
    complete: bool,
    served: dict[int, VersionState] | None,
) -> None:
    target = Target(frozenset(targeted), complete, frozenset(aside - targeted))
    after = next_configured(current, target, served)
    assert list(after) == sorted(set(after))
    if set(after) >= current:
        return
    assert served is not None
    assert set(after) == (targeted if complete else current - target.stepping_aside)
    assert all(served[local_version] is VersionState.AVAILABLE for local_version in targeted)
    assert targeted <= current


def test_what_steps_aside_leaves_alone_and_the_others_stay_until_all_is_there() -> None:
    """A server that starts anew meanwhile may find that the bridge is damaged."""
    target = Target(frozenset({9}), complete=False, stepping_aside=frozenset({7}))
    assert next_configured([2, 7, 9], target, available(2, 7, 9)) == (2, 9)
    assert next_configured([2, 7, 9], target, available(2, 7)) == (2, 7, 9)


def _staged(
    model: ModelState, *bucket_versions: str, served: dict[int, VersionState] | None = None
) -> ModelSnapshot:
    """New content of `bucket_versions` is staged."""
    uploads = [upload(bucket_version, "new") for bucket_version in bucket_versions]
    ids = {version.bucket_version: version.upload_id for version in uploads}
    return snap(model, *uploads, staged=ids, served=served if served is not None else {})


def test_a_free_number_is_taken_as_it_is() -> None:
    assert local_version_for(_staged(state(), "7"), upload("7", "new"), ["7"]) == 7


@pytest.mark.parametrize("held", [VersionState.AVAILABLE, VersionState.LOADING, VersionState.UNLOADING])
def test_a_number_that_the_server_still_holds_is_waited_for(held: VersionState) -> None:
    assert local_version_for(_staged(state(), "7", served={7: held}), upload("7", "new"), ["7"]) is None


def test_the_highest_served_version_gets_a_bridge_above_every_used_and_listed_number() -> None:
    now = _staged(state(stored(3), configured=(3,), last_local_version=8), "3", "11")
    assert local_version_for(now, upload("3", "new"), ["3"]) == 12
    assert not must_step_aside(now, upload("3", "new"), ["3"])


@pytest.mark.parametrize("folder", ["²", "9" * 30, "v4", "01"])
def test_folders_that_are_no_versions_do_not_count_for_the_bridge(folder: str) -> None:
    now = _staged(state(stored(3), configured=(3,)), "3", folder)
    assert local_version_for(now, upload("3", "new"), ["3"]) == 4


def test_a_lower_version_steps_aside() -> None:
    now = _staged(state(stored(2), stored(3), configured=(2, 3)), "2", "3")
    assert local_version_for(now, upload("2", "new"), ["3", "2"]) is None
    assert must_step_aside(now, upload("2", "new"), ["3", "2"])


def test_a_higher_version_that_is_leaving_does_not_count() -> None:
    now = _staged(state(stored(2), stored(9, bucket_version="latest"), configured=(2, 9)), "2")
    assert local_version_for(now, upload("2", "new"), ["2"]) == 10


def test_latest_takes_the_second_of_its_newest_object_or_the_next_number() -> None:
    newest = upload("latest", "new")
    assert local_version_for(_staged(state(), "latest"), newest, ["latest"]) == 1_700_000_000
    later = state(last_local_version=1_800_000_000)
    assert local_version_for(_staged(later, "latest"), newest, ["latest"]) == 1_800_000_001


def test_latest_never_takes_a_number_that_the_server_could_not_hold() -> None:
    file = upload_object("model.onnx", modified=5e9)
    newest = upload("latest", "new")
    far = type(newest)("m", "latest", (file,))
    assert local_version_for(snap(state(last_local_version=4), far), far, ["latest"]) == 5


def test_a_bridge_hands_over_when_its_number_has_ended_and_it_answers() -> None:
    model = state(stored(9, bucket_version="3"), configured=(9,))
    ready = snap(model, upload("3"), served={**available(9), 3: VersionState.END})
    assert number_to_take(ready, 9) == 3
    assert (
        number_to_take(snap(model, upload("3"), served={**available(3), 9: VersionState.AVAILABLE}), 9)
        is None
    )
    assert number_to_take(snap(model, upload("3"), served={9: VersionState.LOADING}), 9) is None
    assert number_to_take(snap(model, upload("3", "newer"), served=available(9)), 9) is None
    assert number_to_take(snap(model, upload("3"), served=None), 9) is None


def test_what_has_its_own_number_is_no_bridge() -> None:
    model = state(stored(3), stored(9, bucket_version="latest"), configured=(3, 9))
    assert number_to_take(snap(model, served=available(3, 9)), 3) is None
    assert number_to_take(snap(model, served=available(3, 9)), 9) is None
