from edge_common.served_state import VersionState
from model_sync.catalog import Catalog, ListedObject, build_catalog
from model_sync.observations import LoadWatch, QuietUploads
from model_sync.state import ModelState, State

_STATE = State({"m": ModelState(configured=(1, 2))})


def _catalog(etag: str) -> Catalog:
    return build_catalog([ListedObject("m/1/model.onnx", 1, etag, 0.0)])


def test_an_upload_is_quiet_since_the_listing_that_first_showed_it_so() -> None:
    quiet = QuietUploads()
    quiet.after_listing(_catalog("a"), 10.0)
    quiet.after_listing(_catalog("a"), 15.0)
    assert quiet.quiet_for("m", 17.0) == {"1": 7.0}
    quiet.after_listing(_catalog("b"), 20.0)
    assert quiet.quiet_for("m", 21.0) == {"1": 1.0}
    quiet.after_listing(Catalog(), 30.0)
    assert quiet.quiet_for("m", 31.0) == {}


def test_only_time_in_which_the_server_answered_counts_as_waiting() -> None:
    watch = LoadWatch()
    loading = {"m": {1: VersionState.AVAILABLE, 2: VersionState.LOADING}}
    watch.observe(_STATE, loading, 0.0)
    watch.observe(_STATE, loading, 5.0)
    watch.observe(_STATE, None, 100.0)
    watch.observe(_STATE, loading, 200.0)
    watch.observe(_STATE, loading, 203.0)
    assert watch.loading_for("m") == {2: 8.0}


def test_a_server_that_goes_away_while_loading_is_counted_until_it_answers() -> None:
    watch = LoadWatch()
    for _ in range(2):
        watch.observe(_STATE, {"m": {1: VersionState.AVAILABLE, 2: VersionState.LOADING}}, 0.0)
        watch.observe(_STATE, None, 1.0)
        watch.observe(_STATE, None, 2.0)
    assert watch.losses("m") == {2: 2}
    watch.observe(_STATE, {"m": {1: VersionState.AVAILABLE, 2: VersionState.AVAILABLE}}, 3.0)
    assert watch.losses("m") == {}


def test_numbers_that_are_no_longer_listed_are_forgotten() -> None:
    watch = LoadWatch()
    watch.observe(_STATE, {"m": {}}, 0.0)
    watch.observe(State(), {"m": {}}, 5.0)
    watch.observe(_STATE, {"m": {}}, 6.0)
    assert watch.loading_for("m") == {1: 1.0, 2: 1.0}
