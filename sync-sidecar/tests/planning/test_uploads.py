from dataclasses import replace

import pytest
from model_snapshots import NOW, snap, state, stored, upload
from model_sync.planning.disk_budget import DiskRoom
from model_sync.planning.model_snapshot import FetchProgress, Rules
from model_sync.planning.state import RejectedAt, Rejection
from model_sync.planning.uploads import Phase, next_rejection, upload_status


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
