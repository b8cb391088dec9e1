import pytest
from edge_common.served_state import VersionState
from model_sync.planning.replacement import must_step_aside, number_for, number_to_take
from model_sync.planning.snapshot import ModelView
from model_sync.planning.state import ModelState
from sync_views import available, remote_file, state, stored, upload, view


def _staged(
    model: ModelState, *bucket_versions: str, served: dict[int, VersionState] | None = None
) -> ModelView:
    """New content of `sources` is staged."""
    uploads = [upload(bucket_version, "new") for bucket_version in bucket_versions]
    marks = {version.bucket_version: version.upload_id for version in uploads}
    return view(model, *uploads, staged=marks, served=served if served is not None else {})


def test_a_free_number_is_taken_as_it_is() -> None:
    assert number_for(_staged(state(), "7"), upload("7", "new"), ["7"]) == 7


@pytest.mark.parametrize("held", [VersionState.AVAILABLE, VersionState.LOADING, VersionState.UNLOADING])
def test_a_number_that_the_server_still_holds_is_waited_for(held: VersionState) -> None:
    assert number_for(_staged(state(), "7", served={7: held}), upload("7", "new"), ["7"]) is None


def test_the_highest_served_version_gets_a_bridge_above_every_used_and_listed_number() -> None:
    now = _staged(state(stored(3), configured=(3,), last_number=8), "3", "11")
    assert number_for(now, upload("3", "new"), ["3"]) == 12
    assert not must_step_aside(now, upload("3", "new"), ["3"])


@pytest.mark.parametrize("folder", ["²", "9" * 30, "v4", "01"])
def test_folders_that_are_no_versions_do_not_count_for_the_bridge(folder: str) -> None:
    now = _staged(state(stored(3), configured=(3,)), "3", folder)
    assert number_for(now, upload("3", "new"), ["3"]) == 4


def test_a_lower_version_steps_aside() -> None:
    now = _staged(state(stored(2), stored(3), configured=(2, 3)), "2", "3")
    assert number_for(now, upload("2", "new"), ["3", "2"]) is None
    assert must_step_aside(now, upload("2", "new"), ["3", "2"])


def test_a_higher_version_that_is_leaving_does_not_count() -> None:
    now = _staged(state(stored(2), stored(9, bucket_version="latest"), configured=(2, 9)), "2")
    assert number_for(now, upload("2", "new"), ["2"]) == 10


def test_latest_takes_the_second_of_its_newest_object_or_the_next_number() -> None:
    newest = upload("latest", "new")
    assert number_for(_staged(state(), "latest"), newest, ["latest"]) == 1_700_000_000
    later = state(last_number=1_800_000_000)
    assert number_for(_staged(later, "latest"), newest, ["latest"]) == 1_800_000_001


def test_latest_never_takes_a_number_that_the_server_could_not_hold() -> None:
    file = remote_file("model.onnx", modified=5e9)
    newest = upload("latest", "new")
    far = type(newest)("m", "latest", (file,))
    assert number_for(view(state(last_number=4), far), far, ["latest"]) == 5


def test_a_bridge_hands_over_when_its_number_has_ended_and_it_answers() -> None:
    model = state(stored(9, bucket_version="3"), configured=(9,))
    ready = view(model, upload("3"), served={**available(9), 3: VersionState.END})
    assert number_to_take(ready, 9) == 3
    assert (
        number_to_take(view(model, upload("3"), served={**available(3), 9: VersionState.AVAILABLE}), 9)
        is None
    )
    assert number_to_take(view(model, upload("3"), served={9: VersionState.LOADING}), 9) is None
    assert number_to_take(view(model, upload("3", "newer"), served=available(9)), 9) is None
    assert number_to_take(view(model, upload("3"), served=None), 9) is None


def test_what_has_its_own_number_is_no_bridge() -> None:
    model = state(stored(3), stored(9, bucket_version="latest"), configured=(3, 9))
    assert number_to_take(view(model, served=available(3, 9)), 3) is None
    assert number_to_take(view(model, served=available(3, 9)), 9) is None
