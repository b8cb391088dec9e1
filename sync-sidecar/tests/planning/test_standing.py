from dataclasses import replace

from model_sync.planning.rejections import RejectedAt
from model_sync.planning.snapshot import FetchView
from model_sync.planning.standing import Phase, judge_upload
from model_sync.planning.state import Rejection
from sync_views import NOW, state, stored, upload, view


def _verdict(mark: str, stage: RejectedAt = RejectedAt.CHECK, retry_at: float | None = None) -> Rejection:
    return Rejection(mark, "it is no model", stage, NOW, 1, retry_at)


def test_a_problem_of_the_names_comes_before_everything() -> None:
    bad = replace(upload("v1"), problem="'v1' is not a version number")
    assert judge_upload(view(None, bad), bad).reason == "'v1' is not a version number"


def test_a_running_fetch_is_shown_with_its_progress_and_only_for_its_own_upload() -> None:
    one = upload("1")
    running = view(None, one, fetching={"1": FetchView(one.upload_id, "verifying", 0.5)})
    judgement = judge_upload(running, one)
    assert (judgement.phase, judgement.progress, judgement.fetchable) == (Phase.VERIFYING, 0.5, True)
    assert judge_upload(running, upload("1", "b")).phase is Phase.DOWNLOADING


def test_a_verdict_holds_for_the_upload_it_was_spoken_on_until_its_retry() -> None:
    one = upload("1")
    refused = state(rejections={"1": _verdict(one.upload_id, retry_at=NOW + 60)})
    assert judge_upload(view(refused, one), one).phase is Phase.REJECTED
    assert judge_upload(view(refused, one, now=NOW + 60), one).fetchable
    changed = upload("1", "b")
    assert judge_upload(view(refused, changed), changed).fetchable


def test_an_incomplete_upload_waits_instead_of_being_rejected() -> None:
    one = upload("1", sums="s")
    refused = state(rejections={"1": _verdict(one.upload_id, RejectedAt.UPLOAD)})
    assert judge_upload(view(refused, one), one).phase is Phase.WAITING


def test_a_bad_model_card_concerns_versions_without_one_of_their_own() -> None:
    plain, own = upload("1"), upload("2", paths=("model.onnx", "model.yaml"))
    both = view(None, plain, own, card_problem="model.yaml: unknown key 'x'")
    assert judge_upload(both, plain).phase is Phase.REJECTED
    assert judge_upload(both, own).fetchable


def test_a_number_that_stands_for_latest_is_held() -> None:
    five = upload("5")
    judgement = judge_upload(view(state(stored(5, bucket_version="latest")), five), five)
    assert judgement.phase is Phase.HELD
    assert "in use by 'latest'" in judgement.reason


def test_the_reason_of_a_failed_fetch_is_shown_while_it_is_tried_again() -> None:
    one = upload("1")
    judgement = judge_upload(view(None, one, troubles={"1": "the store is away"}), one)
    assert (judgement.phase, judgement.reason) == (Phase.DOWNLOADING, "the store is away")
