"""The status object in the bucket, and those that others left there."""

import json

from edge_common.errors import EdgeError, FatalError, RetryableError
from hand_clock import HandClock
from memory_store import MemoryStore
from model_sync.status.bucket_status import BucketStatus

DAY = 86_400


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


def _offer(status: BucketStatus, *reasons: str, writer: int = 1, former: str = "") -> None:
    for reason in reasons:
        status.offer(_document(reason), writer, former)
        if status._pending is not None:
            status._pending.result()


def test_the_status_lies_in_the_bucket_and_is_written_when_it_changes() -> None:
    store = MemoryStore()
    status = BucketStatus(store, "team/", "edge-1", HandClock())
    _offer(status, "a", "b")
    status.close()
    written = json.loads(store.objects["team/_status/edge-1.json"].content)
    assert written == _document("b")


def test_a_store_that_forbids_it_is_asked_again_only_when_something_changed() -> None:
    store = _RefusingStore()
    store.error = FatalError("not allowed")
    status = BucketStatus(store, "", "i", HandClock())
    _offer(status, "a", "a", "a")
    assert store.writes == 1
    _offer(status, "b")
    assert store.writes == 2
    status.close()


def test_a_store_that_is_away_is_asked_again() -> None:
    store = _RefusingStore()
    store.error = RetryableError("away")
    status = BucketStatus(store, "", "i", HandClock())
    _offer(status, "a", "a")
    assert store.writes == 2
    status.close()


def test_the_pod_that_wrote_to_the_volume_before_leaves_no_status_behind() -> None:
    store = MemoryStore()
    for key in ("_status/before.json", "_status/elsewhere.json", "cars/1/model.onnx"):
        store.put(key, b"{}")
    status = BucketStatus(store, "", "i", HandClock())
    _offer(status, "a", former="before")
    status.close()
    assert store.objects.keys() == {"_status/i.json", "_status/elsewhere.json", "cars/1/model.onnx"}


def test_who_takes_the_volume_over_again_writes_again_although_nothing_changed() -> None:
    store = MemoryStore()
    status = BucketStatus(store, "", "i", HandClock())
    _offer(status, "a", writer=1)
    store.remove("_status/i.json")  # as the pod does that had the volume meanwhile
    store.put("_status/other.json", b"{}")
    _offer(status, "a", writer=3, former="other")
    status.close()
    assert store.objects.keys() == {"_status/i.json"}


def test_a_status_is_kept_fresh_and_one_that_nobody_has_kept_for_a_week_goes() -> None:
    clock = HandClock()
    store = MemoryStore(now=clock.now)
    status, other = BucketStatus(store, "", "i", clock), BucketStatus(store, "", "other", clock)
    _offer(status, "a")
    _offer(other, "a")
    for _ in range(5):
        clock.advance(DAY)
        _offer(status, "a")
    assert store.objects.keys() == {"_status/i.json", "_status/other.json"}
    for _ in range(5):
        clock.advance(DAY)
        _offer(status, "a")
    assert store.objects.keys() == {"_status/i.json"}
    _offer(other, "a")
    assert store.objects.keys() == {"_status/i.json", "_status/other.json"}, "it comes back with its pod"
    status.close()
    other.close()
