"""What a look at bucket, server and volume becomes, with all three moved by hand."""

from pathlib import Path

import pytest
from edge_common.errors import RetryableError
from edge_common.served_state import VersionState
from hand_sidecar import GRACE, HandSidecar, serving_cars
from model_sync.loop.observe import Observer


@pytest.fixture
def sidecar(tmp_path: Path) -> HandSidecar:
    return serving_cars(tmp_path)


@pytest.fixture
def observer(sidecar: HandSidecar) -> Observer:
    return sidecar.reconciler.observer


def _begin_to_fetch_version_2(sidecar: HandSidecar) -> None:
    sidecar.store.put("cars/2/model.onnx", b"good 2")
    sidecar.step(look=True)
    sidecar.clock.advance(6.0)
    sidecar.step(look=True)


def _everything_in(folder: Path) -> set[tuple[str, int]]:
    return {(str(path), path.stat().st_mtime_ns) for path in folder.rglob("*")}


def test_a_look_tells_bucket_server_and_state_and_changes_nothing(
    sidecar: HandSidecar, observer: Observer
) -> None:
    before = _everything_in(sidecar.volume.root)
    snapshot = observer.complete(observer.look(list_bucket=True))
    assert snapshot.names == ["cars"]
    assert (snapshot.now, snapshot.time) == (sidecar.clock.now(), sidecar.clock.monotonic())
    assert snapshot.server.served == {"cars": {1: VersionState.AVAILABLE}}
    assert snapshot.state.model("cars").confirmed == (1,)
    assert snapshot.bucket.catalog is not None
    assert list(snapshot.bucket.catalog.models["cars"].versions) == ["1"]
    assert _everything_in(sidecar.volume.root) == before


def test_a_listing_that_fails_keeps_the_last_one_and_is_tried_again_soon_and_then_more_rarely(
    sidecar: HandSidecar, observer: Observer
) -> None:
    whole = observer.look(list_bucket=True).bucket
    assert whole.list_again_at == sidecar.clock.monotonic() + 10.0
    sidecar.store.fail_with(RetryableError("the store is away"))
    failed = [observer.look(list_bucket=True).bucket for _ in range(5)]
    assert failed[0].catalog == whole.catalog
    assert (str(failed[0].error), failed[0].last_success) == ("the store is away", whole.last_success)
    assert [bucket.failures for bucket in failed] == [1, 2, 3, 4, 5]
    pauses = [bucket.list_again_at - sidecar.clock.monotonic() for bucket in failed]
    assert pauses == [1.0, 2.0, 4.0, 8.0, 10.0]
    sidecar.store.fail_with(None)
    assert (observer.look(list_bucket=True).bucket.failures, observer.look().bucket.error) == (0, None)


def test_an_upload_is_quiet_since_it_was_first_listed_as_it_is(
    sidecar: HandSidecar, observer: Observer
) -> None:
    sidecar.store.put("cars/2/model.onnx", b"good 2")
    observer.look(list_bucket=True)
    sidecar.clock.advance(3.0)
    seen = observer.look(list_bucket=True).model("cars")
    assert seen.quiet_for["2"] == 3.0
    assert seen.quiet_for["1"] >= 20.0
    sidecar.store.put("cars/2/model.onnx", b"good, changed")
    assert observer.look(list_bucket=True).model("cars").quiet_for["2"] == 0.0


def test_a_removal_holds_after_its_grace_and_not_while_the_bucket_looks_empty(
    sidecar: HandSidecar, observer: Observer
) -> None:
    sidecar.store.put("dogs/1/model.onnx", b"good dogs")
    sidecar.pass_time(20)
    sidecar.store.remove_folder("dogs/")
    assert observer.look(list_bucket=True).bucket.gone == {}
    sidecar.clock.advance(GRACE - 1)
    assert observer.look(list_bucket=True).bucket.gone == {}, "two listings agree, but not for long enough"
    sidecar.clock.advance(1)
    assert observer.look().bucket.gone == {"dogs": {"1"}}
    sidecar.store.lists_nothing = True
    empty = observer.look(list_bucket=True).bucket
    assert empty.gone == {}
    assert "lacks 2 of 2 models" in str(empty.removal_hold)


def test_a_server_that_is_away_is_none_and_counted(sidecar: HandSidecar, observer: Observer) -> None:
    sidecar.ovms.stop()
    assert [observer.look().server.failures for _ in range(3)] == [1, 2, 3]
    assert observer.look().server.served is None
    assert observer.look().model("cars").served is None
    sidecar.ovms.start()
    assert observer.look().server.failures == 0


def test_fetches_and_what_they_have_brought_are_work_under_way(
    sidecar: HandSidecar, observer: Observer
) -> None:
    _begin_to_fetch_version_2(sidecar)
    fetching = observer.look().work
    assert set(fetching.fetches["cars"]) == {"2"}
    assert fetching.staged == {}
    sidecar.jobs.run_next()
    sidecar.reconciler.applier.take_in_ended_work()
    staged = observer.look().work
    assert staged.fetches == {}
    assert set(staged.staged["cars"]) == {"2"}


def test_a_fetch_that_failed_is_told_with_the_time_of_its_next_try(
    sidecar: HandSidecar, observer: Observer
) -> None:
    _begin_to_fetch_version_2(sidecar)
    sidecar.store.objects.pop("cars/2/model.onnx")
    sidecar.jobs.run_next()
    sidecar.step()
    seen = observer.look()
    error = seen.work.fetch_errors["cars"]["2"]
    assert "was replaced or removed" in error.reason
    assert seen.time < error.retry_at <= seen.time + 1.25
    assert seen.model("cars").fetch_errors == {"2": error.reason}
    sidecar.clock.advance(2.0)
    assert observer.look().model("cars").fetch_errors == {}, "it may be tried again"


def test_why_a_fetch_failed_is_forgotten_with_its_upload(sidecar: HandSidecar, observer: Observer) -> None:
    _begin_to_fetch_version_2(sidecar)
    sidecar.store.objects.pop("cars/2/model.onnx")
    sidecar.jobs.run_next()
    sidecar.step()
    assert set(observer.look().work.fetch_errors["cars"]) == {"2"}
    sidecar.step(look=True)
    assert observer.look().work.fetch_errors == {}
    assert not sidecar.reconciler.step(), "the loop rests"


def test_cards_say_how_a_model_asks_to_be_served_and_why_not(
    sidecar: HandSidecar, observer: Observer
) -> None:
    sidecar.store.put("cars/model.yaml", b"schema: 1\nserving: {versions: all, nireq: 2}\n")
    sidecar.step(look=True)
    asked = observer.complete(observer.look()).model("cars")
    assert (asked.policy, asked.settings, asked.card_rejection) == ("all", {"nireq": 2}, None)
    sidecar.store.put("cars/model.yaml", b"schema: 1\nserved: {}\n")
    sidecar.step(look=True)
    kept = observer.complete(observer.look()).model("cars")
    assert kept.policy == "all", "the last good card holds"
    assert "served" in str(kept.card_rejection)


def test_room_counts_what_is_stored_and_names_what_may_go(sidecar: HandSidecar, observer: Observer) -> None:
    sidecar.store.put("cars/2/model.onnx", b"good, the second")
    sidecar.pass_time(30)
    observer.max_bytes = 30
    room = observer.complete(observer.look()).room
    assert room.used == len(b"good 1") + len(b"good, the second")
    assert [(version.model, version.local_version) for version in room.evictable] == [("cars", 1)]
    sidecar.ovms.stop()
    assert observer.complete(observer.look()).room.evictable == (), "it may hold them still"


def test_what_has_arrived_of_an_upload_that_might_not_fit_is_not_needed_again(
    sidecar: HandSidecar, observer: Observer
) -> None:
    sidecar.store.put("vans/1/model.onnx", b"x" * 20)
    arrived = sidecar.volume.staging_folder("vans", "1")
    arrived.mkdir(parents=True)
    (arrived / "part").write_bytes(b"x" * 15)
    observer.max_bytes = 30
    seen = observer.complete(observer.look(list_bucket=True))
    upload = seen.model("vans").upload("1")
    assert upload is not None
    assert seen.room.need(upload) == 5
    assert seen.room.shortage(upload) is None


def test_a_volume_error_is_kept_with_what_is_free(sidecar: HandSidecar, observer: Observer) -> None:
    seen = observer.with_volume_error(observer.look(), "cannot write to the volume")
    assert seen.volume_error == "cannot write to the volume"
    usage = sidecar.volume.usage()
    assert usage is not None
    assert seen.room.free == pytest.approx(usage.free, rel=0.2)
    sidecar.volume.root.rename(sidecar.volume.root.with_name("elsewhere"))
    assert observer.with_volume_error(seen, "gone").room.free == 0


def test_a_rejected_upload_makes_room_for_a_good_one(tmp_path: Path) -> None:
    sidecar = HandSidecar(tmp_path)
    sidecar.reconciler.observer.max_bytes = 4000
    sidecar.store.put("bad/1/model.onnx", b"broken" + bytes(2500))
    sidecar.pass_time(30)
    assert sidecar.volume.staging_folder("bad", "1").exists()
    sidecar.store.put("fine/1/model.onnx", b"good" + bytes(2500))
    sidecar.pass_time(30)
    assert sidecar.answering("fine") == {b"good" + bytes(2500)}
    assert not sidecar.volume.staging_folder("bad", "1").exists()
