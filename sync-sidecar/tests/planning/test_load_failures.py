from edge_common.served_state import VersionState
from model_sync.planning.history import Blame
from model_sync.planning.load_failures import load_failures
from model_sync.planning.state import Rejection
from sync_views import NOW, available, state, stored, upload, view

_NEW = state(stored(1), stored(2), configured=(1, 2), confirmed=(1,))


def test_a_version_that_the_server_could_not_load_gets_a_verdict_with_a_retry() -> None:
    now = view(_NEW, upload("1"), upload("2"), served={**available(1), 2: VersionState.FAILED})
    failures = load_failures(now)
    assert set(failures) == {2}
    assert "could not load it" in failures[2].reason
    assert failures[2].retry_at == NOW + 60
    assert failures[2].upload_id == upload("2").upload_id


def test_a_version_that_answered_before_is_not_blamed() -> None:
    now = view(_NEW, served={1: VersionState.FAILED, 2: VersionState.LOADING})
    assert load_failures(now) == {}


def test_a_load_that_does_not_end_and_a_server_that_dies_of_it_are_failures() -> None:
    slow = load_failures(view(_NEW, served={2: VersionState.LOADING}, loading_for={2: 301.0}))
    assert "did not have it available within 5 min" in slow[2].reason
    deadly = load_failures(view(_NEW, served=None, blamed={2: Blame(3, 0)}))
    assert "went away 3 times while loading it; it is taken to be the cause" in deadly[2].reason
    assert load_failures(view(_NEW, served=None, loading_for={2: 300.0})) == {}


def test_a_version_that_loaded_along_with_others_is_told_that_it_may_not_be_the_cause() -> None:
    suspected = load_failures(view(_NEW, served=None, blamed={2: Blame(3, 1)}))[2]
    assert "while loading it and 1 more; the newest is set aside first" in suspected.reason
    assert suspected.retry_at is not None


def test_pauses_grow_with_each_attempt_on_the_same_upload_and_are_bounded() -> None:
    def retry_after(attempts: int, etag: str = "a") -> float:
        before = Rejection(upload("2", etag).upload_id, "", "server", NOW, attempts)
        model = state(stored(1), stored(2), configured=(1, 2), confirmed=(1,), rejections={"2": before})
        verdict = load_failures(view(model, upload("2"), served={2: VersionState.FAILED}))[2]
        assert verdict.retry_at is not None
        return verdict.retry_at - NOW

    assert [retry_after(attempts) for attempts in (1, 2, 30)] == [120, 240, 3600]
    assert retry_after(5, etag="another") == 60
