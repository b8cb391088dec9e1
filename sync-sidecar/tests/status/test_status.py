from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from edge_common.errors import RetryableError
from edge_common.served_state import VersionState
from model_snapshots import NOW, available, listed_model, snap, state, stored, upload
from model_sync.bucket.catalog import Catalog
from model_sync.bucket.evidence_files import Provenance
from model_sync.planning.evidence import AcceptanceFigures, Evidence
from model_sync.planning.model_snapshot import FetchProgress, ModelSnapshot
from model_sync.planning.plan import plan, plan_model
from model_sync.planning.snapshot import BucketSnapshot, ServerSnapshot, ServingCard, Snapshot, Work
from model_sync.planning.state import State
from model_sync.planning.uploads import Phase
from model_sync.status.status import Readiness, Site, iso_time, readiness, status_document
from model_sync.status.version_reports import VersionReport, report, report_model


def _rows(model: ModelSnapshot, write_error: str | None = None) -> dict[str, VersionReport]:
    return {row.bucket_version: row for row in report_model(plan_model(model), write_error)}


_SERVING = state(stored(1), configured=(1,), confirmed=(1,))


def test_a_served_version_needs_no_reason() -> None:
    row = _rows(snap(_SERVING, upload("1"), served=available(1)))["1"]
    assert (row.phase, row.reason, row.local_version, row.files) == (Phase.SERVING, "", 1, 1)


def test_the_figures_of_acceptance_go_with_the_version() -> None:
    figures = AcceptanceFigures(pictures=3, top1=2, top5=3)
    proven = replace(stored(1), evidence=Evidence(acceptance=figures))
    row = _rows(snap(state(proven, configured=(1,)), upload("1"), served=available(1)))["1"]
    document = status_document(Snapshot(0.0, 0.0), [row], {}, Site("i", "http://s", "b"), writes=True)
    (version,) = document["models"][row.model]["versions"]
    assert version["acceptance"] == figures.as_document()


def test_where_a_version_says_it_comes_from_goes_with_it() -> None:
    said = Provenance("mlflow", "cars", "7", "abc")
    proven = replace(stored(1), evidence=Evidence(provenance=said))
    row = _rows(snap(state(proven, configured=(1,)), upload("1"), served=available(1)))["1"]
    document = status_document(Snapshot(0.0, 0.0), [row], {}, Site("i", "http://s", "b"), writes=True)
    (version,) = document["models"][row.model]["versions"]
    assert version["provenance"] == {"registry": "mlflow", "name": "cars", "version": "7", "run": "abc"}


def test_versions_are_in_the_order_of_their_numbers_with_others_last() -> None:
    bad = replace(upload("v1"), problem="no number")
    assert list(_rows(snap(None, upload("10"), upload("9"), upload("latest"), bad))) == [
        "9",
        "10",
        "v1",
        "latest",
    ]


def test_new_content_of_a_served_version_is_told_beside_serving() -> None:
    row = _rows(snap(_SERVING, upload("1", "new", paths=("model.xml",)), served=available(1)))["1"]
    assert (row.phase, row.reason) == (
        Phase.SERVING,
        "new content uploaded: waiting for model.bin, named by model.xml",
    )


def test_what_the_policy_does_not_ask_for_is_told_with_the_policy() -> None:
    row = _rows(snap(state(stored(2), configured=(2,)), upload("1"), upload("2"), served=available(2)))["1"]
    assert (row.phase, row.reason) == (
        Phase.PREVIOUS,
        "not asked for by the policy (latest: 1); not downloaded",
    )


def test_a_removal_is_held_then_retiring() -> None:
    held = _rows(snap(_SERVING, served=available(1)))["1"]
    assert held.phase is Phase.HELD
    assert held.reason.startswith("no longer in the bucket; when that lasts, the model is not")
    held_up = _rows(snap(_SERVING, served=available(1), removal_hold="the listing suddenly lacks all"))["1"]
    assert held_up.reason == "the listing suddenly lacks all"
    retiring = _rows(snap(_SERVING, served=available(1), gone={"1"}))["1"]
    assert (retiring.phase, retiring.reason) == (Phase.RETIRING, "removed from the bucket")


def test_a_removed_version_that_nothing_replaces_says_that_it_still_answers() -> None:
    broken = upload("2", paths=("model.xml",))
    row = _rows(snap(_SERVING, broken, served=available(1), gone={"1"}))["1"]
    assert row.phase is Phase.HELD
    assert "answers until another version can be served" in row.reason


def test_a_server_that_is_away_or_cannot_load_is_the_reason() -> None:
    assert (
        _rows(snap(_SERVING, upload("1"), served=None))["1"].reason
        == "waiting for the model server to answer"
    )
    failed = _rows(snap(_SERVING, upload("1"), served={1: VersionState.FAILED}))["1"]
    assert (failed.phase, failed.reason) == (
        Phase.ACTIVATING,
        "the model server cannot load it at the moment and tries again",
    )


def test_a_volume_that_refuses_is_the_reason_of_what_is_under_way_only() -> None:
    rows = _rows(snap(_SERVING, upload("1"), upload("2"), served=available(1)), "cannot write to the volume")
    assert rows["1"].reason == ""
    assert rows["2"].reason == "cannot write to the volume"


def _document(snapshot: Snapshot, since: Mapping[tuple[str, str], float] | None = None) -> dict[str, Any]:
    rows = report(snapshot, plan(snapshot))
    return status_document(snapshot, rows, since or {}, Site("i", "http://store", "b"), writes=True)


def test_the_document_has_the_promised_shape() -> None:
    server = ServerSnapshot("http://ovms", own={"m": available(1)}, served={"m": available(1)})
    document = _document(Snapshot(NOW, 0.0, server=server, state=State({"m": _SERVING})), {("m", "1"): 0.0})
    promised = "schema instance role changes time cycle server store models notices mended"
    assert set(document) == set(promised.split())
    assert (document["schema"], document["role"], document["instance"]) == (1, "writer", "i")
    told = {"url": "http://ovms", "reachable": True, "state": "answers", "busy_since": None}
    assert document["server"] == told
    assert document["store"] == {"endpoint": "http://store", "bucket": "b", "reachable": False}
    (version,) = document["models"]["m"]["versions"]
    promised = (
        "source state reason local_version bytes files digest signature upload since removal progress "
        "acceptance provenance"
    )
    assert set(version) == set(promised.split())
    assert version["since"] == "1970-01-01T00:00:00.000Z"
    assert document["models"]["m"]["serving"] == [1]


def test_a_busy_server_is_told_with_since_when_and_what_it_said_last_still_holds() -> None:
    loading = ServerSnapshot("u", own={"m": available(1)}, served={"m": available(1)}, busy_for=60.0)
    document = _document(Snapshot(NOW, 100.0, server=loading, state=State({"m": _SERVING})))
    told = {"url": "u", "reachable": True, "state": "busy", "busy_since": iso_time(NOW - 60)}
    assert document["server"] == told
    (version,) = document["models"]["m"]["versions"]
    assert (version["state"], document["models"]["m"]["serving"]) == ("serving", [1])
    away = _document(Snapshot(NOW, 100.0, state=State({"m": _SERVING})))
    assert (away["server"]["state"], away["server"]["reachable"]) == ("away", False)


def test_a_version_whose_turn_on_the_server_has_not_come_says_which_model_is_loaded_before() -> None:
    served = {"heavy": {1: VersionState.LOADING}}
    waiting = State({"m": state(stored(1), configured=(1,))})
    server = ServerSnapshot(own=served, served=served)
    (version,) = _document(Snapshot(NOW, 0.0, server=server, state=waiting))["models"]["m"]["versions"]
    told = (version["state"], version["reason"])
    assert told == ("activating", "the model server loads 'heavy' before it")


def test_a_version_behind_one_that_was_given_up_says_which() -> None:
    served = {"m": {1: VersionState.LOADING, 2: VersionState.LOADING}}
    waiting = State({"m": state(stored(2), configured=(2,))})
    server = ServerSnapshot(own=served, served=served)
    (version,) = _document(Snapshot(NOW, 0.0, server=server, state=waiting))["models"]["m"]["versions"]
    assert version["reason"] == (
        "the model server still loads 1, which is no longer listed, before it; "
        "restart the server if that does not end"
    )


def test_the_cycle_tells_how_listing_went() -> None:
    never = _document(Snapshot(NOW, 0.0))
    assert never["cycle"] == {
        "last_attempt": None,
        "last_success": None,
        "result": "none",
        "error": None,
        "consecutive_failures": 0,
        "listing_since": None,
    }
    away = BucketSnapshot(last_attempt=NOW, error=RetryableError("the store is away"), failures=3)
    failed = _document(Snapshot(NOW, 0.0, away))
    assert (failed["cycle"]["result"], failed["cycle"]["error"]) == ("error", "the store is away")
    assert (failed["cycle"]["consecutive_failures"], failed["store"]["reachable"]) == (3, False)
    listed = _document(Snapshot(NOW, 0.0, BucketSnapshot(Catalog(), last_attempt=NOW, last_success=NOW)))
    assert (listed["cycle"]["result"], listed["store"]["reachable"]) == ("success", True)


def test_what_concerns_more_than_one_version_is_a_notice() -> None:
    bucket = BucketSnapshot(Catalog(notices=("x lies outside any model",)), removal_hold="half is missing")
    cards = {"m": ServingCard(rejection="model.yaml: unknown key 'x'"), "n": ServingCard()}
    snapshot = Snapshot(NOW, 0.0, bucket, cards=cards, volume_error="cannot write to the volume")
    assert _document(snapshot)["notices"] == [
        "x lies outside any model",
        "half is missing",
        "m: model.yaml: unknown key 'x'",
        "cannot write to the volume",
    ]


def test_a_change_that_the_volume_refused_is_the_reason_of_its_model() -> None:
    bucket = BucketSnapshot(Catalog({"m": listed_model(upload("1"))}))
    snapshot = Snapshot(NOW, 0.0, bucket, work=Work(write_errors={"m": "no space"}))
    assert _document(snapshot)["models"]["m"]["versions"][0]["reason"] == "no space"


def test_times_are_utc_and_none_stays_none() -> None:
    assert iso_time(0.0) == "1970-01-01T00:00:00.000Z"
    assert iso_time(None) is None


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
