"""When to look again, and what counts as a change, from values."""

from dataclasses import replace

import pytest
from edge_common.served_state import ServedModels, VersionState
from model_snapshots import NOW, available, listed_model, state, stored, upload
from model_sync.bucket.catalog import Catalog, Upload
from model_sync.loop.schedule import (
    is_at_rest,
    is_busy,
    is_upload_arriving,
    next_listing_at,
    next_look_at,
    unchanged,
)
from model_sync.planning.model_snapshot import FetchProgress
from model_sync.planning.plan import ModelPlan, plan
from model_sync.planning.snapshot import BucketSnapshot, FetchError, ServerSnapshot, Snapshot, Work
from model_sync.planning.state import State

_POLL = 130.0
_SERVING = State({"m": state(stored(1), configured=(1,), confirmed=(1,))})
_STILL = Snapshot(
    NOW,
    100.0,
    BucketSnapshot(
        Catalog({"m": listed_model(upload("1"))}),
        quiet_since={"m": {"1": 0.0}},
        last_attempt=NOW,
        last_success=NOW,
        list_again_at=_POLL,
    ),
    ServerSnapshot(own={"m": available(1)}, served={"m": available(1)}),
    _SERVING,
)


def _look_in(snapshot: Snapshot, plans: dict[str, ModelPlan] | None = None) -> float:
    plans = plan(snapshot) if plans is None else plans
    return round(next_look_at(snapshot, plans, _POLL) - snapshot.time, 3)


def _with_server(served: ServedModels | None, failures: int = 0) -> Snapshot:
    return replace(_STILL, server=ServerSnapshot(own=served, served=served, failures=failures))


def _with_upload(new: Upload, *, quiet_since: float) -> Snapshot:
    catalog = Catalog({"m": listed_model(upload("1"), new)})
    quiet = {"m": {"1": 0.0, new.bucket_version: quiet_since}}
    return replace(_STILL, bucket=replace(_STILL.bucket, catalog=catalog, quiet_since=quiet))


def test_while_nothing_happens_the_server_is_looked_at_now_and_then_and_the_bucket_with_the_poll() -> None:
    assert is_at_rest(_STILL, plan(_STILL))
    assert _look_in(_STILL) == 5.0
    assert _look_in(replace(_STILL, time=128.0)) == 2.0
    assert next_listing_at(_STILL, plan(_STILL)) == _POLL


@pytest.mark.parametrize(
    "served",
    [{"m": {1: VersionState.LOADING}}, {"m": {**available(1), 2: VersionState.UNLOADING}}],
    ids=["a load", "an end"],
)
def test_a_server_that_is_about_to_change_is_looked_at_often(served: ServedModels) -> None:
    moving = _with_server(served)
    assert is_busy(moving, {})
    assert _look_in(moving, {}) == 0.1


def test_a_server_that_is_away_is_looked_at_more_and_more_rarely() -> None:
    pauses = [_look_in(_with_server(None, failures)) for failures in range(1, 8)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (1.0, 5.0)


def test_what_runs_in_the_background_is_looked_at_for_its_progress() -> None:
    two = upload("2")
    running = Work(fetches={"m": {"2": FetchProgress(two.upload_id, "downloading", 0.5)}})
    fetching = replace(_with_upload(two, quiet_since=0.0), work=running)
    assert is_busy(fetching, plan(fetching))
    assert _look_in(fetching) == 0.5
    refused = replace(_STILL, work=Work(write_errors={"m": "no space"}))
    assert not is_at_rest(refused, plan(refused))
    assert _look_in(refused) == 0.5


def test_a_fetch_that_failed_is_tried_again_when_its_pause_is_over() -> None:
    failed = replace(
        _with_upload(upload("2"), quiet_since=0.0),
        work=Work(fetch_errors={"m": {"2": FetchError("the store is away", 1, 101.25)}}),
    )
    assert not is_at_rest(failed, plan(failed))
    assert _look_in(failed) == 1.25


def test_a_fresh_upload_is_listed_again_when_it_can_have_been_quiet_long_enough() -> None:
    fresh = _with_upload(upload("2"), quiet_since=97.0)
    plans = plan(fresh)
    assert next_listing_at(fresh, plans) == pytest.approx(107.1)
    assert is_busy(fresh, plans)
    assert is_upload_arriving(plans)


def test_an_upload_that_lacks_something_for_long_is_no_longer_expected() -> None:
    half = _with_upload(upload("2", paths=("model.xml",)), quiet_since=99.0)
    assert is_upload_arriving(plan(half))
    assert not is_upload_arriving(plan(replace(half, time=120.0)))


@pytest.mark.parametrize(
    ("change", "same"),
    [
        (replace(_STILL, now=NOW + 5, time=105.0), True),
        (replace(_STILL, time=116.0), False),
        (replace(_STILL, state=State()), False),
        (_with_server(None, 1), False),
        (replace(_STILL, work=Work(fetch_errors={"m": {"1": FetchError("away", 1, 0.0)}})), False),
        (replace(_STILL, work=Work(staged={"m": {"1": "id"}})), False),
        (replace(_STILL, work=Work(checked_settings={"m": {"nireq": 4}})), False),
    ],
    ids=["time", "long time", "state", "server", "fetch error", "staged", "settings"],
)
def test_what_a_plan_could_see_differently(change: Snapshot, *, same: bool) -> None:
    assert unchanged(_STILL, change) is same
