"""Whether a pod may be sent requests, from values."""

from dataclasses import replace

from edge_common.served_state import VersionState
from model_snapshots import NOW, available, listed_model, state, stored, upload
from model_sync.bucket.catalog import Catalog
from model_sync.planning.model_snapshot import FetchProgress
from model_sync.planning.plan import plan
from model_sync.planning.snapshot import BucketSnapshot, ServerSnapshot, Snapshot, Work
from model_sync.planning.state import State
from model_sync.status.readiness import Readiness, readiness

_LISTED = BucketSnapshot(
    Catalog({"m": listed_model(upload("1"))}),
    quiet_since={"m": {"1": -1000.0}},
    last_attempt=NOW,
    last_success=NOW,
)
_CONFIRMED = State({"m": state(stored(1), configured=(1,), confirmed=(1,))})
_SERVES = ServerSnapshot(own={"m": available(1)}, served={"m": available(1)})
_EMPTY = ServerSnapshot(own={}, served={})


def _after(*snapshots: Snapshot, writes: bool = True) -> Readiness:
    ready = Readiness()
    for snapshot in snapshots:
        ready = readiness(ready, snapshot, plan(snapshot), writes=writes)
    return ready


def test_a_pod_that_had_models_at_its_start_is_ready_when_its_server_has_them() -> None:
    assert _after(Snapshot(NOW, 0.0, server=_SERVES, state=_CONFIRMED)).ready
    loading = {"m": {1: VersionState.LOADING}}
    starting = ServerSnapshot(own=loading, served=loading)
    assert not _after(Snapshot(NOW, 0.0, server=starting, state=_CONFIRMED)).ready
    assert not _after(Snapshot(NOW, 0.0, server=ServerSnapshot(), state=_CONFIRMED)).ready
    busy = replace(_SERVES, busy_for=60.0)
    assert _after(Snapshot(NOW, 0.0, server=busy, state=_CONFIRMED)).ready


def test_an_empty_pod_waits_for_what_the_bucket_offers() -> None:
    fetch = FetchProgress(upload("1").upload_id, "downloading", 0.5)
    waiting = Snapshot(NOW, 0.0, _LISTED, _EMPTY, work=Work(fetches={"m": {"1": fetch}}))
    served = Snapshot(NOW, 9.0, _LISTED, _SERVES, _CONFIRMED)
    assert not _after(waiting).ready
    assert _after(waiting, served).ready
    assert not _after(Snapshot(NOW, 0.0, server=_EMPTY)).ready, "the bucket was not listed yet"


def test_what_comes_later_is_not_waited_for() -> None:
    two = Catalog({"m": listed_model(upload("1"), upload("2"))})
    served = Snapshot(NOW, 9.0, _LISTED, _SERVES, _CONFIRMED)
    more = Snapshot(NOW, 19.0, BucketSnapshot(two, last_success=NOW), _SERVES, _CONFIRMED)
    assert _after(served, more).ready


def test_an_empty_pod_does_not_wait_for_ever() -> None:
    first, late = Snapshot(NOW, 5.0, server=_EMPTY), Snapshot(NOW, 606.0, server=_EMPTY)
    assert _after(first, late).ready


def test_only_the_pods_own_server_counts() -> None:
    other_is_behind = ServerSnapshot(own={"m": available(1)}, served={"m": {1: VersionState.LOADING}})
    assert _after(Snapshot(NOW, 0.0, _LISTED, other_is_behind, _CONFIRMED)).ready


def test_it_has_started_once_the_bucket_was_asked_or_it_follows() -> None:
    assert not _after(Snapshot(NOW, 0.0)).started
    assert _after(Snapshot(NOW, 0.0, BucketSnapshot(last_attempt=NOW, failures=1))).started
    assert _after(Snapshot(NOW, 0.0), writes=False).started
