from dataclasses import replace

import pytest
from edge_common.model_card import LatestVersions, VersionPolicy
from edge_common.served_state import VersionState
from model_snapshots import snap, state, stored, upload
from model_sync.planning.model_snapshot import Rules
from model_sync.planning.pinning import asked_for
from model_sync.planning.state import DAMAGED, UNKNOWN
from model_sync.planning.versions import describe_policy, superfluous_versions, unfit_versions


@pytest.mark.parametrize(
    ("policy", "wanted", "shown"),
    [
        (LatestVersions(), ["latest"], "latest: 1"),
        (LatestVersions(latest=3), ["latest", "10", "9"], "latest: 3"),
        ("all", ["latest", "10", "9", "1"], "all"),
        ((9, 1, 77), ["9", "1"], "9, 1, 77"),
    ],
)
def test_a_policy_asks_for_the_highest_first(policy: VersionPolicy, wanted: list[str], shown: str) -> None:
    assert asked_for(policy, ["9", "latest", "1", "10"]) == wanted
    assert describe_policy(policy) == shown


def test_without_candidates_nothing_is_wanted() -> None:
    assert asked_for("all", []) == []


@pytest.mark.parametrize(
    ("said", "unfit"),
    [(VersionState.FAILED, {7}), (VersionState.AVAILABLE, set()), (VersionState.LOADING, set())],
)
def test_content_of_unknown_worth_that_answered_once_makes_way_when_it_fails(
    said: VersionState, unfit: set[int]
) -> None:
    unknown = state(replace(stored(7), fingerprint=UNKNOWN), configured=(7,), confirmed=(7,))
    assert unfit_versions(snap(unknown, upload("7"), served={7: said}), ()) == unfit
    known = state(stored(7), configured=(7,), confirmed=(7,))
    assert unfit_versions(snap(known, upload("7"), served={7: said}), ()) == set()


def test_one_previous_version_is_kept_and_it_is_the_newest() -> None:
    old = state(stored(1, at=1.0), stored(2, at=3.0), stored(3, at=2.0), stored(4, at=4.0))
    listed = snap(old, *(upload(str(local_version)) for local_version in (1, 2, 3, 4)))
    assert superfluous_versions(listed, {4}) == {1, 3}


def test_the_number_of_previous_versions_is_a_setting() -> None:
    old = state(stored(1, at=1.0), stored(2, at=2.0))
    listed = snap(old, upload("1"), upload("2"), rules=Rules(keep_previous=0))
    assert superfluous_versions(listed, {2}) == {1}


def test_removed_and_replaced_content_is_not_kept() -> None:
    old = state(stored(1), stored(2, "old"), stored(3))
    listed = snap(old, upload("2", "new"), upload("3"), gone={"1"})
    assert superfluous_versions(listed, {3}) == {1, 2}


def test_a_bridge_is_not_kept_beside_the_real_number() -> None:
    both = snap(state(stored(2), stored(9, bucket_version="2")), upload("2"))
    assert superfluous_versions(both, {2}) == {9}


def test_the_newest_good_one_is_kept_while_what_serves_is_damaged() -> None:
    damaged = replace(stored(3, at=3.0), fingerprint=DAMAGED)
    old = state(stored(1, at=1.0), stored(2, at=2.0), damaged, configured=(3,))
    replaced = snap(old, upload("1", "new"), upload("2", "new"), rules=Rules(keep_previous=0))
    assert superfluous_versions(replaced, {3}) == {1}


def test_the_good_one_goes_whose_number_the_mended_upload_waits_for() -> None:
    damaged = replace(stored(9, bucket_version="3", at=9.0), fingerprint=DAMAGED)
    old = state(stored(3, at=3.0), damaged, configured=(9,))
    mended = upload("3", "new")
    assert superfluous_versions(snap(old, mended), {9}) == frozenset()
    waits = snap(old, mended, staged={"3": mended.upload_id})
    assert superfluous_versions(waits, {9}) == {3}


def test_without_a_listing_nothing_is_superfluous() -> None:
    assert superfluous_versions(snap(state(stored(1), stored(2)), bucket_listed=False), set()) == frozenset()
