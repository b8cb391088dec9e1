from dataclasses import replace

from edge_common.served_state import VersionState
from model_sync.planning.plan import plan_model
from model_sync.planning.snapshot import ModelView
from model_sync.planning.standing import Phase
from model_sync.status.status import VersionReport, iso_time, report_model, status_document
from sync_views import available, state, stored, upload, view


def _rows(seen: ModelView, obstacle: str | None = None) -> dict[str, VersionReport]:
    return {row.bucket_version: row for row in report_model(seen, plan_model(seen), obstacle)}


_SERVING = state(stored(1), configured=(1,), confirmed=(1,))


def test_a_served_version_needs_no_reason() -> None:
    row = _rows(view(_SERVING, upload("1"), served=available(1)))["1"]
    assert (row.phase, row.reason, row.local_version, row.files) == (Phase.SERVING, "", 1, 1)


def test_versions_are_in_the_order_of_their_numbers_with_others_last() -> None:
    bad = replace(upload("v1"), problem="no number")
    assert list(_rows(view(None, upload("10"), upload("9"), upload("latest"), bad))) == [
        "9",
        "10",
        "v1",
        "latest",
    ]


def test_new_content_of_a_served_version_is_told_beside_serving() -> None:
    row = _rows(view(_SERVING, upload("1", "new", paths=("model.xml",)), served=available(1)))["1"]
    assert (row.phase, row.reason) == (
        Phase.SERVING,
        "new content uploaded: waiting for model.bin, named by model.xml",
    )


def test_what_the_policy_does_not_ask_for_is_told_with_the_policy() -> None:
    row = _rows(view(state(stored(2), configured=(2,)), upload("1"), upload("2"), served=available(2)))["1"]
    assert (row.phase, row.reason) == (
        Phase.PREVIOUS,
        "not asked for by the policy (latest: 1); not downloaded",
    )


def test_a_removal_is_held_then_retiring() -> None:
    held = _rows(view(_SERVING, served=available(1)))["1"]
    assert (held.phase, held.reason) == (Phase.HELD, "no longer in the bucket; retired when that lasts")
    doubted = _rows(view(_SERVING, served=available(1), doubt="the listing suddenly lacks all"))["1"]
    assert doubted.reason == "the listing suddenly lacks all"
    retiring = _rows(view(_SERVING, served=available(1), gone={"1"}))["1"]
    assert (retiring.phase, retiring.reason) == (Phase.RETIRING, "removed from the bucket")


def test_a_removed_version_that_nothing_replaces_says_that_it_still_answers() -> None:
    broken = upload("2", paths=("model.xml",))
    row = _rows(view(_SERVING, broken, served=available(1), gone={"1"}))["1"]
    assert row.phase is Phase.HELD
    assert "answers until another version can be served" in row.reason


def test_a_server_that_is_away_or_cannot_load_is_the_reason() -> None:
    assert (
        _rows(view(_SERVING, upload("1"), served=None))["1"].reason
        == "waiting for the model server to answer"
    )
    failed = _rows(view(_SERVING, upload("1"), served={1: VersionState.FAILED}))["1"]
    assert (failed.phase, failed.reason) == (
        Phase.ACTIVATING,
        "the model server cannot load it at the moment and tries again",
    )


def test_a_volume_that_refuses_is_the_reason_of_what_is_under_way_only() -> None:
    rows = _rows(view(_SERVING, upload("1"), upload("2"), served=available(1)), "cannot write to the volume")
    assert rows["1"].reason == ""
    assert rows["2"].reason == "cannot write to the volume"


def test_the_document_has_the_promised_shape() -> None:
    rows = list(_rows(view(_SERVING, upload("1"), served=available(1))).values())
    document = status_document(
        instance="i",
        now=0.0,
        cycle={},
        server={},
        store={},
        rows=rows,
        serving={"m": [1]},
        since={},
        notices=[],
    )
    assert document["schema"] == 1
    (version,) = document["models"]["m"]["versions"]
    promised = "source state reason local_version bytes files digest upload since progress"
    assert set(version) == set(promised.split())
    assert document["models"]["m"]["serving"] == [1]


def test_times_are_utc_and_none_stays_none() -> None:
    assert iso_time(0.0) == "1970-01-01T00:00:00.000Z"
    assert iso_time(None) is None
