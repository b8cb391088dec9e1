from model_sync.planning.retention import superfluous_numbers
from model_sync.planning.snapshot import Rules
from sync_views import state, stored, upload, view


def test_one_previous_version_is_kept_and_it_is_the_newest() -> None:
    old = state(stored(1, at=1.0), stored(2, at=3.0), stored(3, at=2.0), stored(4, at=4.0))
    listed = view(old, *(upload(str(local_version)) for local_version in (1, 2, 3, 4)))
    assert superfluous_numbers(listed, {4}) == {1, 3}


def test_the_number_of_previous_versions_is_a_setting() -> None:
    old = state(stored(1, at=1.0), stored(2, at=2.0))
    listed = view(old, upload("1"), upload("2"), rules=Rules(keep_previous=0))
    assert superfluous_numbers(listed, {2}) == {1}


def test_removed_and_replaced_content_is_not_kept() -> None:
    old = state(stored(1), stored(2, "old"), stored(3))
    listed = view(old, upload("2", "new"), upload("3"), gone={"1"})
    assert superfluous_numbers(listed, {3}) == {1, 2}


def test_a_bridge_is_not_kept_beside_the_real_number() -> None:
    both = view(state(stored(2), stored(9, bucket_version="2")), upload("2"))
    assert superfluous_numbers(both, {2}) == {9}


def test_without_a_listing_nothing_is_superfluous() -> None:
    assert superfluous_numbers(view(state(stored(1), stored(2)), listed=False), set()) == frozenset()
