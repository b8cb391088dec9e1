import json

from edge_common.errors import EdgeError, FatalError, RetryableError
from memory_store import MemoryStore
from model_sync.status.bucket_status import BucketStatus


class _RefusingStore(MemoryStore):
    error: EdgeError
    writes = 0

    def put_small(self, key: str, content: bytes, content_type: str) -> None:
        assert (key, content, content_type) != ("", b"", "")
        self.writes += 1
        raise self.error


def _document(reason: str) -> dict[str, object]:
    version = {"source": "1", "state": "waiting", "reason": reason, "local_version": None, "progress": 0.1}
    return {"models": {"cars": {"versions": [version]}}, "notices": []}


def _offer(status: BucketStatus, *reasons: str) -> None:
    for reason in reasons:
        status.offer(_document(reason))
        if status._pending is not None:
            status._pending.result()


def test_the_status_lies_in_the_bucket_and_is_written_when_it_changes() -> None:
    store = MemoryStore()
    status = BucketStatus(store, prefix="team/", instance="edge-1")
    _offer(status, "a", "b")
    status.close()
    written = json.loads(store.objects["team/_status/edge-1.json"].content)
    assert written == _document("b")


def test_a_store_that_forbids_it_is_asked_again_only_when_something_changed() -> None:
    store = _RefusingStore()
    store.error = FatalError("not allowed")
    status = BucketStatus(store, prefix="", instance="i")
    _offer(status, "a", "a", "a")
    assert store.writes == 1
    _offer(status, "b")
    assert store.writes == 2
    status.close()


def test_a_store_that_is_away_is_asked_again() -> None:
    store = _RefusingStore()
    store.error = RetryableError("away")
    status = BucketStatus(store, prefix="", instance="i")
    _offer(status, "a", "a")
    assert store.writes == 2
    status.close()
