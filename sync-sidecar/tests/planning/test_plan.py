from dataclasses import replace

from edge_common.served_state import VersionState
from model_snapshots import NOW, available, snap, state, stored, upload, upload_object
from model_sync.bucket.catalog import Catalog, ListedModel, Upload, UploadObject
from model_sync.planning.actions import (
    CancelFetch,
    Configure,
    Confirm,
    Delete,
    DropStaging,
    Fetch,
    Publish,
    Reject,
    Renumber,
    Withdraw,
    describe,
)
from model_sync.planning.disk_budget import DiskRoom, Evictable
from model_sync.planning.model_snapshot import FetchProgress, Rules
from model_sync.planning.plan import plan, plan_model
from model_sync.planning.snapshot import BucketSnapshot, ServerSnapshot, Snapshot
from model_sync.planning.state import RejectedAt, Rejection, State


def _rejection(bucket_version: str, etag: str = "a", *, retry_at: float = NOW + 60) -> Rejection:
    return Rejection(upload(bucket_version, etag).upload_id, "no", RejectedAt.SERVER, NOW, 1, retry_at)


def test_the_life_of_a_new_version() -> None:
    two = upload("2")
    serving = state(stored(1), configured=(1,), confirmed=(1,))
    both = (upload("1"), two)
    assert plan_model(snap(serving, *both, served=available(1))).actions == (Fetch("2"),)
    staged = snap(serving, *both, served=available(1), staged={"2": two.upload_id})
    assert plan_model(staged).actions == (Publish("2", 2),)
    published = state(stored(1), stored(2), configured=(1,), confirmed=(1,))
    assert plan_model(snap(published, *both, served=available(1))).actions == (Configure((1, 2), {}),)
    listed = state(stored(1), stored(2), configured=(1, 2), confirmed=(1,))
    assert plan_model(snap(listed, *both, served={**available(1), 2: VersionState.LOADING})).actions == ()
    both_answer = snap(listed, *both, served=available(1, 2))
    assert plan_model(both_answer).actions == (Confirm((2,)), Configure((2,), {}))
    alone = state(stored(1), stored(2), configured=(2,), confirmed=())
    assert plan_model(snap(alone, *both, served=available(2))).actions == (Confirm((2,)),)


def test_a_version_that_fails_is_unlisted_rejected_and_taken_away() -> None:
    listed = state(stored(1), stored(2), configured=(1, 2), confirmed=(1,))
    failing = {**available(1), 2: VersionState.FAILED}
    reject, configure = plan_model(snap(listed, upload("1"), upload("2"), served=failing)).actions
    assert isinstance(reject, Reject)
    assert configure == Configure((1,), {})
    after = state(stored(1), stored(2), configured=(1,), confirmed=(1,), rejections={"2": _rejection("2")})
    assert Withdraw(2) in plan_model(snap(after, upload("1"), upload("2"), served=failing)).actions


def test_a_broken_overwrite_is_not_listed_again_before_its_retry() -> None:
    after = state(
        stored(2, "old"),
        stored(3, "new", bucket_version="2"),
        configured=(2,),
        confirmed=(2,),
        rejections={"2": _rejection("2", "new")},
    )
    made = plan_model(snap(after, upload("2", "new"), served={**available(2), 3: VersionState.FAILED}))
    assert made.target.local_versions == {2}
    assert made.actions == (Withdraw(3),)


def test_a_second_overwrite_during_the_first_still_finds_its_way() -> None:
    newest = upload("2", "newest")
    both = state(stored(2, "old"), stored(9, "new", bucket_version="2"), configured=(2, 9), confirmed=(2,))
    now = snap(both, newest, served=available(2, 9), staged={"2": newest.upload_id})
    assert plan_model(now).actions == (Confirm((9,)), Configure((9,), {}))
    ended = state(stored(2, "old"), stored(9, "new", bucket_version="2"), configured=(9,))
    gone = snap(ended, newest, served={9: VersionState.AVAILABLE, 2: VersionState.END}, staged=now.staged)
    assert Delete(2) in plan_model(gone).actions


def test_content_under_a_bridge_takes_its_own_number_when_that_is_free() -> None:
    bridged = state(stored(9, bucket_version="2"), configured=(9,), confirmed=(9,))
    assert plan_model(snap(bridged, upload("2"), served=available(9))).actions == (Renumber(9, 2),)


def test_a_fetch_of_an_upload_that_changed_is_cancelled() -> None:
    running = {"1": FetchProgress("old", "downloading", 0.5)}
    assert plan_model(snap(None, upload("1"), fetches=running)).actions == (CancelFetch("1"),)


def test_a_removed_model_is_unlisted_first_and_deleted_when_it_has_ended() -> None:
    serving = state(stored(1), configured=(1,), confirmed=(1,))
    assert plan_model(snap(serving, served=available(1), gone={"1"})).actions == (Configure((), {}),)
    unlisted = state(stored(1))
    assert plan_model(snap(unlisted, served={1: VersionState.UNLOADING}, gone={"1"})).actions == ()
    assert plan_model(snap(unlisted, served={1: VersionState.END}, gone={"1"})).actions == (Delete(1),)


def test_nothing_is_done_for_a_removal_that_is_not_believed() -> None:
    serving = state(stored(1), configured=(1,), confirmed=(1,))
    assert (
        plan_model(snap(serving, served=available(1), removal_hold="the store may be at fault")).actions == ()
    )


def test_a_removed_version_answers_until_another_can() -> None:
    serving = state(stored(2), configured=(2,), confirmed=(2,))
    broken = upload("1", paths=("model.xml",))
    assert plan_model(snap(serving, broken, served=available(2), gone={"2"})).actions == ()


def test_without_the_server_downloads_go_on_and_nothing_else() -> None:
    serving = state(stored(1), configured=(1,), confirmed=(1,))
    assert plan_model(snap(serving, upload("1"), upload("2"), served=None)).actions == (Fetch("2"),)


def test_while_the_server_is_busy_versions_are_published_and_listed_and_no_folder_leaves() -> None:
    serving = state(stored(1), configured=(1,), confirmed=(1,))
    staged = {"2": upload("2").upload_id}
    seen = snap(serving, upload("1"), upload("2"), served=available(1), server_busy=True, staged=staged)
    assert plan_model(seen).actions == (Publish("2", 2),)
    published = replace(seen, state=serving.with_stored(stored(2)), staged={})
    assert plan_model(published).actions == (Configure((1, 2), {}),)
    failed = state(stored(1), stored(2), configured=(1,), rejections={"2": _rejection("2", "a")})
    withdrawn = snap(failed, upload("1"), upload("2"), served={**available(1), 2: VersionState.FAILED})
    assert Withdraw(2) in plan_model(withdrawn).actions
    assert Withdraw(2) not in plan_model(replace(withdrawn, server_busy=True)).actions
    gone = snap(state(stored(1)), served={1: VersionState.END}, gone={"1"}, server_busy=True)
    assert plan_model(gone).actions == ()


def test_what_one_server_has_not_told_of_is_swapped_by_the_others_and_its_folder_stays() -> None:
    swapped = state(stored(1), stored(2), configured=(1, 2), confirmed=(1, 2))
    seen = snap(swapped, upload("1"), upload("2"), served=available(1, 2), all_told=False)
    assert plan_model(seen).actions == (Configure((2,), {}),)
    gone = snap(state(stored(1)), served={1: VersionState.END}, gone={"1"})
    assert plan_model(gone).actions == (Delete(1),)
    assert plan_model(replace(gone, all_told=False)).actions == ()


def test_without_a_listing_what_was_chosen_stays() -> None:
    serving = state(stored(1), stored(2), configured=(1,), confirmed=(1,))
    assert plan_model(snap(serving, bucket_listed=False, served=available(1))).actions == ()


def test_superfluous_versions_go_only_when_the_server_has_let_go_of_them() -> None:
    old = state(stored(1, at=1.0), stored(2, at=2.0), configured=(2,), confirmed=(2,))
    both = (upload("1"), upload("2"))
    rules = Rules(keep_previous=0)
    held = {**available(2), 1: VersionState.UNLOADING}
    assert plan_model(snap(old, *both, served=held, rules=rules)).actions == ()
    assert plan_model(snap(old, *both, served=available(2), rules=rules)).actions == (Delete(1),)


def test_what_was_fetched_for_an_upload_that_is_gone_is_dropped() -> None:
    made = plan_model(snap(state(rejections={"3": _rejection("3")}), upload("1"), fetches={}))
    assert DropStaging("3") in made.actions
    assert Reject("3", None) in made.actions


def test_actions_are_described_for_people() -> None:
    assert describe(Configure((1, 2), {})) == "serve 1, 2"
    assert describe(Configure((), {})) == "serve nothing"
    assert describe(Publish("latest", 5)) == "publish latest as 5"
    assert describe(Fetch("1")) == "fetch 1"
    assert describe(Reject("1", _rejection("1"))) == "reject 1: no"
    assert describe(Reject("1", None)) == "clear the rejection of 1"


def test_what_answers_is_recorded_although_more_is_awaited() -> None:
    uploads = (upload("1"), upload("2"))
    model = state(stored(1), stored(2), configured=(1, 2))
    one_answers = snap(model, *uploads, served={**available(1), 2: VersionState.LOADING}, policy="all")
    assert plan_model(one_answers).actions == (Confirm((1,)),)
    known = state(stored(1), stored(2), configured=(1, 2), confirmed=(1,))
    restarted = snap(known, *uploads, served={**available(2), 1: VersionState.LOADING}, policy="all")
    assert plan_model(restarted).actions == (Confirm((1, 2)),), "what answered once stays recorded"


def test_a_folder_that_answers_is_not_withdrawn_for_an_earlier_rejection_on_it() -> None:
    rejection = Rejection(upload("1").upload_id, "it was taken to be the cause", "server", NOW, 1, NOW)
    model = state(stored(1), stored(2), configured=(2,), confirmed=(2,), rejections={"1": rejection})
    uploads = (upload("1"), upload("2"))
    still_answers = snap(model, *uploads, served=available(1, 2))
    assert Withdraw(1) not in plan_model(still_answers).actions
    ended = snap(model, *uploads, served={**available(2), 1: VersionState.END})
    assert Withdraw(1) in plan_model(ended).actions


def test_two_uploads_never_borrow_the_same_number_in_one_plan() -> None:
    model = state(stored(7), stored(8, bucket_version="latest"), configured=(7, 8), confirmed=(7, 8))
    uploads = (
        upload("7", "b"),
        replace(upload("latest", "b"), files=(upload_object("model.onnx", "b", modified=1),)),
    )
    ids = {version.bucket_version: version.upload_id for version in uploads}
    now = snap(model, *uploads, served=available(7, 8), policy="all", staged=ids)
    local_versions = [
        action.local_version for action in plan_model(now).actions if isinstance(action, Publish)
    ]
    assert len(local_versions) == len(set(local_versions)), local_versions


def _bucket(**sizes: int) -> BucketSnapshot:
    """A bucket with version 1 of each model, quiet for long, of so many bytes."""
    models = {}
    for name, size in sizes.items():
        file = UploadObject("model.onnx", f"{name}/1/model.onnx", size, name, NOW)
        models[name] = ListedModel(name, {"1": Upload(name, "1", (file,))}, {})
    return BucketSnapshot(Catalog(models), quiet_since={name: {"1": -1000.0} for name in sizes})


def test_every_model_of_bucket_and_volume_gets_a_plan_of_its_own() -> None:
    here = State({"old": state(stored(1), configured=(1,), confirmed=(1,))})
    server = ServerSnapshot(own={}, served={"old": available(1)})
    plans = plan(Snapshot(NOW, 0.0, _bucket(cars=10), server, here))
    assert {name: made.actions for name, made in plans.items()} == {"cars": (Fetch("1"),), "old": ()}
    assert list(plan(Snapshot(NOW, 0.0, _bucket(cars=10, vans=10)), ["vans"])) == ["vans"]


def test_of_the_room_each_model_gets_what_those_before_it_leave() -> None:
    snapshot = Snapshot(NOW, 0.0, _bucket(a=60, b=60, c=30), room=DiskRoom(free=100))
    plans = plan(snapshot)
    assert [made.actions for made in plans.values()] == [(Fetch("1"),), (), (Fetch("1"),)]
    assert "20 B more than the volume's free space leaves" in plans["b"].uploads["1"].reason


def test_two_fetches_never_evict_the_same_version() -> None:
    evictable = (Evictable("x", 1, 50, 1.0), Evictable("y", 1, 50, 2.0))
    snapshot = Snapshot(NOW, 0.0, _bucket(a=50, b=50), room=DiskRoom(free=0, evictable=evictable))
    fetches = [made.actions for made in plan(snapshot).values()]
    assert fetches == [(Fetch("1", evictable[:1]),), (Fetch("1", evictable[1:]),)]


def test_what_another_plan_lists_by_now_is_not_evicted() -> None:
    bucket = _bucket(cars=10, new=50)
    assert bucket.catalog is not None
    version = replace(stored(1), fingerprint=bucket.catalog.models["cars"].versions["1"].fingerprint)
    back = State({"cars": state(version)})
    room = DiskRoom(free=0, evictable=(Evictable("cars", 1, 50, 1.0),))
    plans = plan(Snapshot(NOW, 0.0, bucket, ServerSnapshot(own={}, served={}), back, room=room))
    assert plans["cars"].actions == (Configure((1,), {}),)
    assert plans["new"].actions == (), "it is asked for again when the next snapshot knows"


def test_evictions_are_told_with_the_fetch_they_make_room_for() -> None:
    assert describe(Fetch("1", (Evictable("cars", 2, 5, 0.0),))) == "fetch 1, after evicting cars 2"
