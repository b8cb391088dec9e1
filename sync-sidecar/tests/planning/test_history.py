from edge_common.served_state import VersionState
from model_sync.bucket.catalog import Catalog, ListedObject, build_catalog
from model_sync.planning.history import Blame, LoadWatch, QuietUploads
from model_sync.planning.state import ModelState, State
from sync_views import NOW, state, stored

_STATE = State({"m": state(stored(1), stored(2), configured=(1, 2), confirmed=(1,))})


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


def test_only_time_since_the_server_is_back_counts_as_waiting() -> None:
    watch = LoadWatch()
    loading = {"m": {1: VersionState.AVAILABLE, 2: VersionState.LOADING}}
    watch.observe(_STATE, loading, 0.0)
    watch.observe(_STATE, loading, 5.0)
    assert watch.loading_for("m") == {2: 5.0}
    watch.observe(_STATE, None, 100.0)
    watch.observe(_STATE, loading, 200.0)
    watch.observe(_STATE, loading, 203.0)
    assert watch.loading_for("m") == {2: 3.0}


def _die_while_loading(watch: LoadWatch, state: State, **loading: tuple[int, ...]) -> None:
    watch.observe(state, {name: dict.fromkeys(n, VersionState.LOADING) for name, n in loading.items()}, 0.0)
    watch.observe(state, None, 1.0)
    watch.observe(state, None, 2.0)


def test_a_version_is_blamed_when_the_server_dies_three_times_while_loading_it() -> None:
    watch = LoadWatch()
    for _ in range(2):
        _die_while_loading(watch, _STATE, m=(1, 2))
    assert watch.blamed("m") == {}
    _die_while_loading(watch, _STATE, m=(1, 2))
    assert watch.blamed("m") == {2: Blame(losses=3, along_with=0)}, "number 1 answered before"
    watch.observe(_STATE, {"m": {1: VersionState.AVAILABLE, 2: VersionState.AVAILABLE}}, 3.0)
    assert watch.blamed("m") == {}


def test_of_several_that_load_when_the_server_dies_only_the_newest_is_blamed() -> None:
    watch = LoadWatch()
    older = ModelState({1: stored(1, at=NOW)}, configured=(1,))
    newer = ModelState({1: stored(1, at=NOW + 5)}, configured=(1,))
    both = State({"older": older, "newer": newer})
    for _ in range(3):
        _die_while_loading(watch, both, older=(1,), newer=(1,))
    assert watch.blamed("newer") == {1: Blame(losses=3, along_with=1)}
    assert watch.blamed("older") == {}
    without = State({"older": older})
    for _ in range(3):
        assert watch.blamed("older") == {}, "its count begins anew without the other"
        _die_while_loading(watch, without, older=(1,))
    assert watch.blamed("older") == {1: Blame(losses=3, along_with=0)}


def test_numbers_that_are_no_longer_listed_are_forgotten() -> None:
    watch = LoadWatch()
    watch.observe(_STATE, {"m": {}}, 0.0)
    watch.observe(State(), {"m": {}}, 5.0)
    watch.observe(_STATE, {"m": {}}, 6.0)
    assert watch.loading_for("m") == {1: 1.0, 2: 1.0}
