from collections.abc import Collection, Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_snapshots import NOW, snap, state, stored, upload
from model_sync.bucket.catalog import Catalog, ListedObject, build_catalog
from model_sync.planning.disk_budget import DiskRoom
from model_sync.planning.model_snapshot import FetchProgress, Rules
from model_sync.planning.state import RejectedAt, Rejection
from model_sync.planning.uploads import Absences, Phase, next_rejection, quiet_since, upload_status

_GRACE, _HOLD = 60.0, 600.0


def _catalog(*names: str) -> Catalog:
    return build_catalog(ListedObject(f"{name}/model.onnx", 1, "e", 0.0) for name in names)


def _gone(absences: Absences, now: float) -> frozenset[tuple[str, str]]:
    return _keys(absences.gone(now, grace=_GRACE, hold=_HOLD))


def _keys(gone: Mapping[str, Collection[str]]) -> frozenset[tuple[str, str]]:
    return frozenset((model, version) for model, versions in gone.items() for version in versions)


_KEPT = [("a", "1"), ("a", "2"), ("b", "1"), ("c", "1")]


def test_a_removal_needs_two_listings_and_the_grace_time() -> None:
    left = _catalog("a/2", "b/1", "c/1")
    once = Absences().after_listing(left, _KEPT, 0.0)
    assert _gone(once, 1000.0) == frozenset()
    twice = once.after_listing(left, _KEPT, 30.0)
    assert _gone(twice, 59.9) == frozenset()
    assert _gone(twice, 60.0) == {("a", "1")}


def test_what_comes_back_is_not_gone_and_starts_anew() -> None:
    left, whole = _catalog("a/2", "b/1", "c/1"), _catalog("a/1", "a/2", "b/1", "c/1")
    absences = Absences().after_listing(left, _KEPT, 0.0).after_listing(whole, _KEPT, 30.0)
    absences = absences.after_listing(left, _KEPT, 60.0).after_listing(left, _KEPT, 61.0)
    assert _gone(absences, 119.0) == frozenset()
    assert _gone(absences, 120.0) == {("a", "1")}


def test_an_empty_listing_is_held_for_the_whole_hold() -> None:
    absences = Absences(seen_any=True)
    for now in (0.0, 30.0, 60.0, 599.0):
        absences = absences.after_listing(Catalog(), _KEPT, now)
        assert _gone(absences, now) == frozenset()
        assert "lacks 3 of 3 models" in str(absences.removal_hold(now, _HOLD))
    assert absences.removal_hold(1.0, _HOLD) == absences.removal_hold(2.0, _HOLD), "a change is one log line"
    assert "MODEL_SYNC_HOLD=0" in str(absences.removal_hold(1.0, _HOLD))
    assert absences.removal_hold(1.0, 0.0) is None
    assert absences.removal_hold(600.0, _HOLD) is None
    assert _gone(absences, 600.0) == set(_KEPT)


def test_a_bucket_without_models_since_the_start_is_no_evidence_that_they_were_removed() -> None:
    absences = Absences()
    for now in (0.0, 30.0, 6000.0):
        absences = absences.after_listing(Catalog(objects=1), _KEPT, now)
        assert _gone(absences, now) == frozenset()
    assert "the bucket has had no models since this start" in str(absences.removal_hold(6000.0, _HOLD))
    assert "MODEL_SYNC_HOLD=0" in str(absences.removal_hold(6000.0, _HOLD))
    assert absences.removal_hold(6000.0, 0.0) is None
    used_again = absences.after_listing(_catalog("a/1", "b/1", "c/1"), _KEPT, 6001.0)
    assert used_again.removal_hold(6001.0, _HOLD) is None


def test_losing_more_than_half_of_the_models_is_held_and_half_is_not() -> None:
    kept = [("a", "1"), ("b", "1")]
    assert Absences().after_listing(_catalog("a/1"), kept, 0.0).removal_hold(1.0, _HOLD) is None
    assert Absences().after_listing(_catalog("z/1"), kept, 0.0).removal_hold(1.0, _HOLD) is not None


def test_an_empty_bucket_is_no_hold_while_nothing_is_kept() -> None:
    assert Absences().after_listing(Catalog(), [], 0.0).removal_hold(0.0, _HOLD) is None


@given(
    st.lists(
        st.tuples(st.floats(0.1, 100), st.sets(st.sampled_from(["a/1", "a/2", "b/1", "c/1"]))), max_size=20
    )
)
def test_nothing_is_gone_that_the_last_listing_had_or_that_was_there_within_the_grace(
    story: list[tuple[float, set[str]]],
) -> None:
    absences, now = Absences(), 0.0
    seen = dict.fromkeys(_KEPT, 0.0)
    for passed, names in story:
        now += passed
        absences = absences.after_listing(_catalog(*names), _KEPT, now)
        for model, bucket_version in _KEPT:
            if f"{model}/{bucket_version}" in names:
                seen[model, bucket_version] = now
        for key in _gone(absences, now):
            assert now - seen[key] >= _GRACE


def test_an_outage_between_two_empty_listings_does_not_count_as_time_in_which_they_agree() -> None:
    seen = Absences(seen_any=True).after_listing(Catalog(), [("m", "1")], 0.0)
    seen = seen.after_failure(500.0, hold=600.0)
    seen = seen.after_listing(Catalog(), [("m", "1")], 700.0)
    assert seen.removal_hold(700.0, 600.0) is not None
    assert seen.gone(700.0, grace=60.0, hold=600.0) == {}
    assert seen.gone(1100.0, grace=60.0, hold=600.0) == {"m": {"1"}}
    assert seen.after_failure(1200.0, hold=600.0) == seen, "what is believed already stays so"


def test_an_upload_is_quiet_since_the_listing_that_first_showed_it_so() -> None:
    def listing(etag: str) -> Catalog:
        return build_catalog([ListedObject("m/1/model.onnx", 1, etag, 0.0)])

    first = quiet_since(listing("a"), 10.0, None, {})
    same = quiet_since(listing("a"), 15.0, listing("a"), first)
    assert same == {"m": {"1": 10.0}}
    assert quiet_since(listing("b"), 20.0, listing("a"), same) == {"m": {"1": 20.0}}
    assert quiet_since(Catalog(), 30.0, listing("a"), same) == {}


def _rejection(
    upload_id: str, stage: RejectedAt = RejectedAt.CHECK, retry_at: float | None = None
) -> Rejection:
    return Rejection(upload_id, "it is no model", stage, NOW, 1, retry_at)


def test_a_problem_of_the_names_comes_before_everything() -> None:
    bad = replace(upload("v1"), problem="'v1' is not a version number")
    assert upload_status(snap(None, bad), bad).reason == "'v1' is not a version number"


def test_a_running_fetch_is_shown_with_its_progress_and_only_for_its_own_upload() -> None:
    one = upload("1")
    running = snap(None, one, fetches={"1": FetchProgress(one.upload_id, "verifying", 0.5)})
    status = upload_status(running, one)
    assert (status.phase, status.progress, status.fetchable) == (Phase.VERIFYING, 0.5, True)
    assert upload_status(running, upload("1", "b")).phase is Phase.DOWNLOADING


def test_a_rejection_holds_for_the_upload_it_was_spoken_on_until_its_retry() -> None:
    one = upload("1")
    rejected = state(rejections={"1": _rejection(one.upload_id, retry_at=NOW + 60)})
    assert upload_status(snap(rejected, one), one).phase is Phase.REJECTED
    assert upload_status(snap(rejected, one, now=NOW + 60), one).fetchable
    changed = upload("1", "b")
    assert upload_status(snap(rejected, changed), changed).fetchable


def test_an_incomplete_upload_waits_instead_of_being_rejected() -> None:
    one = upload("1", sums="s")
    rejected = state(rejections={"1": _rejection(one.upload_id, RejectedAt.UPLOAD)})
    assert upload_status(snap(rejected, one), one).phase is Phase.WAITING


def test_a_bad_model_card_concerns_versions_without_one_of_their_own() -> None:
    plain, own = upload("1"), upload("2", paths=("model.onnx", "model.yaml"))
    both = snap(None, plain, own, card_rejection="model.yaml: unknown key 'x'")
    assert upload_status(both, plain).phase is Phase.REJECTED
    assert upload_status(both, own).fetchable


def test_a_number_that_stands_for_latest_is_held() -> None:
    five = upload("5")
    status = upload_status(snap(state(stored(5, bucket_version="latest")), five), five)
    assert status.phase is Phase.HELD
    assert "in use by 'latest'" in status.reason


def test_the_reason_of_a_failed_fetch_is_shown_while_it_is_tried_again() -> None:
    one = upload("1")
    status = upload_status(snap(None, one, fetch_errors={"1": "the store is away"}), one)
    assert (status.phase, status.reason) == (Phase.DOWNLOADING, "the store is away")


@pytest.mark.parametrize("stage", RejectedAt)
def test_whatever_was_wrong_is_looked_at_again_after_growing_pauses(stage: RejectedAt) -> None:
    pauses, before = [], None
    rules = Rules(first_retry=60.0, longest_retry=240.0)
    for _ in range(4):
        before = next_rejection(before, upload_id="m", reason="r", stage=stage, now=100.0, rules=rules)
        pauses.append(before.retry_at - 100.0 if before.retry_at is not None else None)
    assert pauses == [60.0, 120.0, 240.0, 240.0]


def test_an_upload_that_does_not_fit_waits_with_the_reason_unless_it_is_here() -> None:
    one = upload("1")
    full = DiskRoom(free=3)
    status = upload_status(snap(None, one, room=full), one)
    assert (status.phase, status.fetchable) == (Phase.WAITING, False)
    assert "7 B more than the volume's free space leaves" in status.reason
    assert upload_status(snap(state(stored(1)), one, room=full), one).fetchable
