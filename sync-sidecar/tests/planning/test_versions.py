from dataclasses import replace

import pytest
from edge_common.model_card import LatestVersions, VersionPolicy
from edge_common.served_state import VersionState
from model_snapshots import available, snap, state, stored, upload
from model_sync.bucket.pins import ListedPin, Pin
from model_sync.planning.actions import CancelFetch, Configure, Delete, Fetch, Publish
from model_sync.planning.disk_budget import DiskRoom, Evictable
from model_sync.planning.model_snapshot import FetchProgress, ModelSnapshot, Rules
from model_sync.planning.plan import ModelPlan, plan_model
from model_sync.planning.state import DAMAGED, UNKNOWN, ModelState, RejectedAt, Rejection
from model_sync.planning.uploads import Phase
from model_sync.planning.versions import asked_for, describe_policy, superfluous_versions, unfit_versions
from model_sync.status.version_reports import report_model

_BOTH = state(stored(1, at=1.0), stored(2, at=2.0), configured=(2,), confirmed=(2,))
_UPLOADS = upload("1"), upload("2")


def _pinned(model: ModelSnapshot, version: str = "1", **others: str) -> ModelPlan:
    return plan_model(replace(model, pin=ListedPin(Pin(version, **others))))


def _configured(plan: ModelPlan) -> list[tuple[int, ...]]:
    return [action.local_versions for action in plan.actions if isinstance(action, Configure)]


def _sentence(plan: ModelPlan) -> str:
    assert plan.pin is not None
    return plan.pin.sentence


def test_a_pinned_version_on_the_volume_answers_beside_the_higher_one_and_then_alone() -> None:
    first = _pinned(snap(_BOTH, *_UPLOADS, served=available(2)))
    assert _configured(first) == [(1, 2)]
    assert not any(isinstance(action, Fetch | Publish | Delete) for action in first.actions)
    beside = replace(_BOTH, configured=(1, 2))
    loading = {1: VersionState.LOADING, 2: VersionState.AVAILABLE}
    assert _configured(_pinned(snap(beside, *_UPLOADS, served=loading))) == []
    assert _configured(_pinned(snap(beside, *_UPLOADS, served=available(1, 2)))) == [(1,)]


def test_the_status_says_who_pinned_why_and_what_is_newer() -> None:
    back = replace(_BOTH, configured=(1,), confirmed=(1,))
    made = _pinned(snap(back, *_UPLOADS, served=available(1)), by="Anna", reason="2 sees cars everywhere.")
    said = "pinned to 1 by Anna, because 2 sees cars everywhere; 2 is newer"
    assert (made.pin is not None, _sentence(made)) == (True, said)
    assert [(row.phase, row.reason) for row in report_model(made)] == [
        (Phase.SERVING, said),
        (Phase.PREVIOUS, "newer than 1, to which the model is pinned; served when the pin goes"),
    ]
    assert not made.actions


def test_without_the_pin_the_newest_answers_again() -> None:
    back = replace(_BOTH, configured=(1,), confirmed=(1,))
    assert _configured(plan_model(snap(back, *_UPLOADS, served=available(1)))) == [(1, 2)]


@pytest.mark.parametrize(
    ("policy", "served"),
    [
        (LatestVersions(), {"2"}),
        (LatestVersions(latest=2), {"2", "1"}),
        ("all", {"2", "1"}),
        ((3, 1), {"2", "1"}),
    ],
)
def test_what_the_policy_asks_for_up_to_the_pin_stays(policy: VersionPolicy, served: set[str]) -> None:
    uploads = upload("1"), upload("2"), upload("3")
    made = _pinned(snap(None, *uploads, policy=policy), "2")
    assert set(made.wanted) == served


@pytest.mark.parametrize(
    ("pin", "rejection", "said"),
    [
        ("7", None, "7 is neither in the bucket nor on the volume; the bucket has 1, 2; pin one of these"),
        (
            "3",
            Rejection(upload("3").upload_id, "it is broken", RejectedAt.CHECK, 0.0),
            "3 is rejected: it is broken",
        ),
    ],
)
def test_a_pin_that_cannot_be_followed_leaves_what_serves(
    pin: str, rejection: Rejection | None, said: str
) -> None:
    back = replace(_BOTH, configured=(1,), confirmed=(1,))
    uploads = (*_UPLOADS, upload("3")) if rejection else _UPLOADS
    made = _pinned(snap(back.with_rejection(pin, rejection), *uploads, served=available(1)), pin)
    assert not made.actions
    assert made.pin is not None
    assert not made.pin.holds
    assert said in made.pin.sentence
    assert made.pin.sentence.endswith("what serves stays until then")


def test_a_pin_that_cannot_be_followed_keeps_no_new_model_from_being_served() -> None:
    assert _pinned(snap(None, *_UPLOADS), "7").wanted == ("2",)


def test_an_unreadable_pin_leaves_what_serves_and_the_last_good_one_holds() -> None:
    back = replace(_BOTH, configured=(1,), confirmed=(1,))
    seen = snap(back, *_UPLOADS, served=available(1))
    unread = plan_model(replace(seen, pin=ListedPin(None, "pin.yaml: no")))
    assert (unread.actions, _sentence(unread)) == ((), "pin.yaml: no; what serves stays until then")
    known = plan_model(replace(seen, pin=ListedPin(Pin("1"), "pin.yaml: no")))
    assert known.pin is not None
    assert known.pin.holds
    assert "not followed: pin.yaml: no" in known.pin.sentence


def test_a_version_that_is_not_on_the_volume_is_fetched_while_the_other_answers() -> None:
    made = _pinned(snap(state(stored(2), configured=(2,), confirmed=(2,)), *_UPLOADS, served=available(2)))
    assert made.actions == (Fetch("1"),)


def test_a_newer_upload_is_fetched_and_tried_and_kept_without_being_listed() -> None:
    back = replace(_BOTH, configured=(1,), confirmed=(1,))
    uploads = (*_UPLOADS, upload("3"))
    seen = snap(back, *uploads, served=available(1))
    assert _pinned(seen).actions == (Fetch("3"),)
    assert _pinned(replace(seen, staged={"3": upload("3").upload_id})).actions == (Publish("3", 3),)
    there = back.with_stored(stored(3, at=3.0))
    kept = _pinned(snap(there, *uploads, served=available(1), rules=Rules(keep_previous=0)))
    assert kept.actions == (Delete(2),)
    older = {"2": FetchProgress(upload("2").upload_id, "downloading", 0.5)}
    without = state(stored(1), configured=(1,), confirmed=(1,))
    superseded = _pinned(snap(without, *uploads, served=available(1), fetches=older))
    assert superseded.actions == (CancelFetch("2"), Fetch("3"))


def test_nothing_makes_room_for_an_upload_that_waits_for_the_pin() -> None:
    back = state(stored(1), configured=(1,), confirmed=(1,))
    full = DiskRoom(free=5, evictable=(Evictable("other", 1, 100, 0.0),))
    assert not _pinned(snap(back, *_UPLOADS, served=available(1), room=full)).actions
    pinned = state(stored(2), configured=(2,), confirmed=(2,))
    made = _pinned(snap(pinned, *_UPLOADS, served=available(2), room=full))
    assert made.actions == (Fetch("1", full.evictable),)


def test_a_pinned_version_stays_on_the_volume_though_the_bucket_lost_it() -> None:
    back = replace(_BOTH, configured=(1,), confirmed=(1,))
    made = _pinned(snap(back, upload("2"), served=available(1), gone={"1"}))
    assert not made.actions
    assert "1 is no longer in the bucket, and stays on the volume while it is pinned" in _sentence(made)
    assert report_model(made)[0].phase is Phase.HELD


def test_a_pin_does_not_keep_a_model_that_was_removed() -> None:
    back = replace(_BOTH, configured=(1,), confirmed=(1,))
    made = _pinned(snap(back, served=available(1), gone={"1", "2"}))
    assert _configured(made) == [()]


def test_a_pin_is_followed_after_a_start_without_the_store() -> None:
    made = _pinned(snap(_BOTH, served=available(2), bucket_listed=False))
    assert _configured(made) == [(1, 2)]


def test_while_the_server_cannot_load_the_pinned_version_an_older_one_answers_if_there_is_one() -> None:
    three = state(stored(1), stored(2), stored(3), configured=(2,), confirmed=(2,))
    failed = {2: VersionState.FAILED}
    assert _configured(_pinned(snap(three, *map(upload, "123"), served=failed), "2")) == [(1, 2)]


def test_a_pin_is_part_of_the_recorded_state() -> None:
    made = ModelState(stored=_BOTH.stored, pin=Pin("1", by="Anna"))
    assert '"by": "Anna"' in made.as_json


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
