from edge_common.served_state import VersionState
from model_snapshots import NOW, available, snap, state, stored, upload
from model_sync.planning.load_failures import LoadWatch, load_failures
from model_sync.planning.snapshot import by_model
from model_sync.planning.state import ModelState, Rejection, State

_STATE = State({"m": state(stored(1), stored(2), configured=(1, 2), confirmed=(1,))})
_NEW = state(stored(1), stored(2), configured=(1, 2), confirmed=(1,))


def test_a_version_that_the_server_could_not_load_gets_a_rejection_with_a_retry() -> None:
    now = snap(_NEW, upload("1"), upload("2"), served={**available(1), 2: VersionState.FAILED})
    failures = load_failures(now)
    assert set(failures) == {2}
    assert "could not load it" in failures[2].reason
    assert failures[2].retry_at == NOW + 60
    assert failures[2].upload_id == upload("2").upload_id


def test_a_version_that_answered_before_is_not_rejected() -> None:
    now = snap(_NEW, served={1: VersionState.FAILED, 2: VersionState.LOADING})
    assert load_failures(now) == {}


def test_a_load_that_does_not_end_and_a_server_that_dies_of_it_are_failures() -> None:
    slow = load_failures(snap(_NEW, served={2: VersionState.LOADING}, loading_for={2: 301.0}))
    assert "did not have it available within 5 min" in slow[2].reason
    deadly = load_failures(snap(_NEW, served=None, load_crashes={2: 0}))
    assert "went away 3 times while loading it; it is taken to be the cause" in deadly[2].reason
    assert load_failures(snap(_NEW, served=None, loading_for={2: 300.0})) == {}


def test_a_version_that_loaded_along_with_others_is_told_that_it_may_not_be_the_cause() -> None:
    suspected = load_failures(snap(_NEW, served=None, load_crashes={2: 1}))[2]
    assert "while loading it and 1 more; the newest is set aside first" in suspected.reason
    assert suspected.retry_at is not None


def test_pauses_grow_with_each_attempt_on_the_same_upload_and_are_bounded() -> None:
    def retry_after(attempts: int, etag: str = "a") -> float:
        before = Rejection(upload("2", etag).upload_id, "", "server", NOW, attempts)
        model = state(stored(1), stored(2), configured=(1, 2), confirmed=(1,), rejections={"2": before})
        rejection = load_failures(snap(model, upload("2"), served={2: VersionState.FAILED}))[2]
        assert rejection.retry_at is not None
        return rejection.retry_at - NOW

    assert [retry_after(attempts) for attempts in (1, 2, 30)] == [120, 240, 3600]
    assert retry_after(5, etag="another") == 60


def test_only_time_since_the_server_is_back_counts_as_waiting() -> None:
    watch = LoadWatch()
    loading = {"m": {1: VersionState.AVAILABLE, 2: VersionState.LOADING}}
    watch.observe(_STATE, loading, 0.0)
    watch.observe(_STATE, loading, 5.0)
    assert by_model(watch.loading_for).get("m", {}) == {2: 5.0}
    watch.observe(_STATE, None, 100.0)
    watch.observe(_STATE, loading, 200.0)
    watch.observe(_STATE, loading, 203.0)
    assert by_model(watch.loading_for).get("m", {}) == {2: 3.0}


def test_time_in_which_a_busy_server_says_nothing_is_no_waiting() -> None:
    watch = LoadWatch()
    loading = {"m": {1: VersionState.AVAILABLE, 2: VersionState.LOADING}}
    watch.observe(_STATE, loading, 0.0)
    watch.observe(_STATE, loading, 5.0)
    watch.observe(_STATE, loading, 400.0, busy=True)
    watch.observe(_STATE, loading, 500.0)
    watch.observe(_STATE, loading, 501.0)
    assert by_model(watch.loading_for) == {"m": {2: 6.0}}


_TWO = State(
    {
        "heavy": state(stored(1), configured=(1,)),
        "light": state(stored(1), stored(2), configured=(1, 2), confirmed=(1,)),
    }
)


def _waited(
    *moments: dict[str, dict[int, VersionState]], **others: dict[str, dict[int, VersionState]]
) -> object:
    watch = LoadWatch()
    for now, served in enumerate(moments):
        watch.observe(_TWO, served, now * 10.0, others)
    return by_model(watch.loading_for)


def test_the_clock_of_a_version_stands_still_while_the_server_loads_another() -> None:
    loads_heavy = {"heavy": {1: VersionState.LOADING}, "light": {1: VersionState.AVAILABLE}}
    assert _waited(*[loads_heavy] * 40) == {"heavy": {1: 390.0}}
    of_somebody_else = {"foreign": {1: VersionState.LOADING}, "light": {1: VersionState.AVAILABLE}}
    assert _waited(*[of_somebody_else] * 40) == {}
    was_withdrawn = {"light": {1: VersionState.AVAILABLE, 7: VersionState.LOADING}}
    assert _waited(*[was_withdrawn] * 40) == {"light": {2: 390.0}, "heavy": {1: 390.0}}


def test_of_several_that_are_shown_as_loading_the_one_that_began_first_has_its_time_run() -> None:
    first = {"light": {1: VersionState.AVAILABLE, 2: VersionState.LOADING}}
    both = {**first, "heavy": {1: VersionState.LOADING}}
    assert _waited(first, both, both, both) == {"light": {2: 30.0}}
    then = {
        "light": {1: VersionState.AVAILABLE, 2: VersionState.AVAILABLE},
        "heavy": {1: VersionState.LOADING},
    }
    assert _waited(first, both, then, then) == {"heavy": {1: 20.0}}


def test_what_the_server_does_not_even_begin_to_load_has_its_time_run() -> None:
    nothing = {"light": {1: VersionState.AVAILABLE}}
    assert _waited(nothing, nothing, nothing) == {"heavy": {1: 20.0}, "light": {2: 20.0}}


def test_each_server_loads_for_itself() -> None:
    done = {
        "heavy": {1: VersionState.AVAILABLE},
        "light": {1: VersionState.AVAILABLE, 2: VersionState.AVAILABLE},
    }
    loads_heavy = {"heavy": {1: VersionState.LOADING}, "light": {1: VersionState.AVAILABLE}}
    assert _waited(done, done, done, b=loads_heavy) == {"heavy": {1: 20.0}}
    loads_light = {
        "heavy": {1: VersionState.AVAILABLE},
        "light": {1: VersionState.AVAILABLE, 2: VersionState.LOADING},
    }
    assert _waited(loads_light, loads_light, b=loads_heavy) == {"heavy": {1: 10.0}, "light": {2: 10.0}}


def _die_while_loading(watch: LoadWatch, state: State, **loading: tuple[int, ...]) -> None:
    watch.observe(state, {name: dict.fromkeys(n, VersionState.LOADING) for name, n in loading.items()}, 0.0)
    watch.observe(state, None, 1.0)
    watch.observe(state, None, 2.0)


def test_a_version_is_set_aside_when_the_server_dies_three_times_while_loading_it() -> None:
    watch = LoadWatch()
    for _ in range(2):
        _die_while_loading(watch, _STATE, m=(1, 2))
    assert by_model(watch.crashes).get("m", {}) == {}
    _die_while_loading(watch, _STATE, m=(1, 2))
    assert by_model(watch.crashes).get("m", {}) == {2: 0}, "number 1 answered before"
    watch.observe(_STATE, {"m": {1: VersionState.AVAILABLE, 2: VersionState.AVAILABLE}}, 3.0)
    assert by_model(watch.crashes).get("m", {}) == {}


def test_a_server_that_dies_and_is_back_between_two_looks_has_died_all_the_same() -> None:
    """What it was loading is unknown to it; else every model would be taken to be slow."""
    watch = LoadWatch()
    for start in range(3):
        watch.observe(_STATE, {"m": {2: VersionState.LOADING}}, start * 8.0)
        watch.observe(_STATE, {}, start * 8.0 + 4)
    assert watch.crashes == {("m", 2): 0}
    assert watch.loading_for == {("m", 1): 0.0, ("m", 2): 0.0}


def test_of_several_that_load_when_the_server_dies_only_the_newest_is_set_aside() -> None:
    watch = LoadWatch()
    older = ModelState({1: stored(1, at=NOW)}, configured=(1,))
    newer = ModelState({1: stored(1, at=NOW + 5)}, configured=(1,))
    both = State({"older": older, "newer": newer})
    for _ in range(3):
        _die_while_loading(watch, both, older=(1,), newer=(1,))
    assert by_model(watch.crashes).get("newer", {}) == {1: 1}
    assert by_model(watch.crashes).get("older", {}) == {}
    without = State({"older": older})
    for _ in range(3):
        assert by_model(watch.crashes).get("older", {}) == {}, "its count begins anew without the other"
        _die_while_loading(watch, without, older=(1,))
    assert by_model(watch.crashes).get("older", {}) == {1: 0}


def test_each_time_the_server_still_dies_twice_as_many_are_set_aside() -> None:
    watch = LoadWatch()
    loading = {f"m{age}": ModelState({1: stored(1, at=NOW - age)}, configured=(1,)) for age in range(9)}
    set_aside = []
    for _ in range(3):
        for _ in range(3):
            _die_while_loading(watch, State(loading), **dict.fromkeys(loading, (1,)))
        set_aside.append(sorted(by_model(watch.crashes)))
        loading = {name: model for name, model in loading.items() if (name, 1) not in watch.crashes}
    assert set_aside == [["m0"], ["m1", "m2"], ["m3", "m4", "m5", "m6"]]
    watch.observe(State(loading), {name: available(1) for name in loading}, 3.0)
    for _ in range(3):
        _die_while_loading(watch, State(loading), **dict.fromkeys(loading, (1,)))
    assert sorted(by_model(watch.crashes)) == ["m7"], "it lived meanwhile"


def test_numbers_that_are_no_longer_listed_are_forgotten() -> None:
    watch = LoadWatch()
    watch.observe(_STATE, {"m": {}}, 0.0)
    watch.observe(State(), {"m": {}}, 5.0)
    watch.observe(_STATE, {"m": {}}, 6.0)
    assert by_model(watch.loading_for).get("m", {}) == {1: 1.0, 2: 1.0}
