from hypothesis import given
from hypothesis import strategies as st
from ovms_lite.config.entries import VersionPolicy
from ovms_lite.reload.plan import Listing, versions_to_load, versions_to_retire

LATEST = VersionPolicy(latest=1)


def _set(*versions: int) -> frozenset[int]:
    return frozenset(versions)


def test_the_newest_version_is_loaded_and_the_old_one_retired_afterwards() -> None:
    before = Listing(on_disk=_set(1, 2), serving=_set(1))
    assert versions_to_load(before, LATEST) == [2]
    after = Listing(on_disk=_set(1, 2), serving=_set(1, 2))
    assert versions_to_retire(after, LATEST, {1, 2}) == [1]


def test_a_broken_newest_version_leaves_the_serving_one_alone() -> None:
    listing = Listing(on_disk=_set(9, 10), serving=_set(9), broken=_set(10))
    assert versions_to_load(listing, LATEST) == []
    assert versions_to_retire(listing, LATEST, {9, 10}) == []


def test_a_good_version_below_a_broken_one_is_loaded_although_the_broken_one_was_there_first() -> None:
    listing = Listing(on_disk=_set(5, 6, 7), serving=_set(5), broken=_set(7))
    assert versions_to_load(listing, LATEST) == [6]


def test_the_last_serving_version_stays_while_its_replacement_is_broken() -> None:
    gone = Listing(on_disk=_set(2), serving=_set(1), broken=_set(2))
    assert versions_to_retire(gone, LATEST, {1, 2}) == []


def test_a_specific_policy_is_obeyed_even_when_that_takes_the_model_down() -> None:
    listing = Listing(on_disk=_set(1, 2), serving=_set(1), broken=_set(2))
    assert versions_to_retire(listing, VersionPolicy(specific=_set(2)), {1, 2}) == [1]


def test_outdated_versions_are_loaded_again() -> None:
    assert versions_to_load(Listing(on_disk=_set(1), serving=_set(), outdated=_set(1)), LATEST) == [1]


def test_no_version_on_disk_retires_everything() -> None:
    assert versions_to_retire(Listing(on_disk=_set(), serving=_set(3)), LATEST, {2, 3}) == [2, 3]


VERSIONS = st.frozensets(st.integers(1, 12))
POLICIES: st.SearchStrategy[VersionPolicy] = st.one_of(
    st.just(VersionPolicy()),
    st.builds(VersionPolicy, latest=st.integers(1, 4)),
    st.builds(VersionPolicy, specific=VERSIONS),
)


@given(VERSIONS, VERSIONS, VERSIONS, POLICIES)
def test_the_pass_ends_and_never_retires_what_is_wanted(
    on_disk: frozenset[int], serving: frozenset[int], bad: frozenset[int], policy: VersionPolicy
) -> None:
    bad -= serving
    listing = Listing(on_disk, serving)
    for _ in range(20):
        failed = frozenset(versions_to_load(listing, policy)) & bad
        loaded = frozenset(versions_to_load(listing, policy)) - bad
        listing = Listing(on_disk, listing.serving | loaded, broken=listing.broken | failed)
        if not failed:
            break
    assert versions_to_load(listing, policy) == []
    retired = versions_to_retire(listing, policy, on_disk | serving | bad)
    assert not set(retired) & policy.select(on_disk - listing.broken)
    still_serving = listing.serving - set(retired)
    if serving and on_disk and policy.falls_back:
        assert still_serving, "an outage that nothing on disk asked for"
