"""What the answers of a model server tell over time."""

import os
from pathlib import Path

import pytest
from edge_common.errors import RetryableError
from edge_common.served_state import ServedModels, VersionState
from hypothesis import given
from hypothesis import strategies as st
from model_snapshots import available, state, stored
from model_sync.model_server.replicas import Replicas
from model_sync.model_server.server_watch import ServerBusyError, ServerWatch, merge_served
from model_sync.planning.rollout import trial_name
from model_sync.planning.snapshot import Snapshot
from model_sync.planning.state import Rollout, State

A, L, F, E, U = (
    VersionState.AVAILABLE,
    VersionState.LOADING,
    VersionState.FAILED,
    VersionState.END,
    VersionState.UNLOADING,
)


def test_without_others_a_server_speaks_for_itself() -> None:
    assert merge_served({"": {"m": {1: A}}}) == {"m": {1: A}}


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ({1: A}, {1: A}, A),
        ({1: A}, {1: L}, L),
        ({1: A}, {}, L),
        ({1: A}, {1: F}, F),
        ({1: A}, {1: E}, U),
        ({1: E}, {1: E}, E),
        ({1: E}, {}, E),
        ({1: E}, {1: U}, U),
    ],
)
def test_a_version_is_as_far_as_the_server_that_is_least_far(
    one: dict[int, VersionState], other: dict[int, VersionState], together: VersionState
) -> None:
    assert merge_served({"a": {"m": one}, "b": {"m": other}}) == {"m": {1: together}}
    assert merge_served({"a": {"m": other}, "b": {"m": one}}) == {"m": {1: together}}


states = st.dictionaries(
    st.sampled_from(["m", "n"]), st.dictionaries(st.integers(1, 3), st.sampled_from(list(VersionState)))
)


@given(own=states, others=st.dictionaries(st.sampled_from(["b", "c"]), states))
def test_available_together_means_available_everywhere(
    own: dict[str, dict[int, VersionState]], others: dict[str, dict[str, dict[int, VersionState]]]
) -> None:
    for model, versions in (merge_served({"": own, **others}) or {}).items():
        for local_version, said in versions.items():
            everywhere = all(
                served.get(model, {}).get(local_version) is VersionState.AVAILABLE
                for served in [own, *others.values()]
            )
            assert (said is VersionState.AVAILABLE) == everywhere


_STATE = State({"m": state(stored(1), stored(2), configured=(1, 2), confirmed=(1,))})


class _Server:
    """Answers what it is told; None: it is away."""

    def __init__(self, served: ServedModels | None) -> None:
        self.answer = served
        self.busy = False

    def served(self) -> ServedModels:
        if self.busy:
            raise ServerBusyError("busy")
        if self.answer is None:
            raise RetryableError("away")
        return self.answer


def test_loads_are_timed_while_it_answers() -> None:
    watch = ServerWatch("http://ovms", _Server({"m": {**available(1), 2: VersionState.LOADING}}).served)
    watch.ask(_STATE, 10.0)
    seen = watch.ask(_STATE, 14.0)
    assert seen.loading_for == {"m": {2: 4.0}}
    assert (seen.url, seen.own, seen.served) == ("http://ovms", seen.served, seen.own)


def test_its_absence_is_counted_until_it_is_back() -> None:
    server = _Server(None)
    watch = ServerWatch("http://ovms", server.served)
    assert [watch.ask(_STATE, float(now)).failures for now in range(3)] == [1, 2, 3]
    server.answer = {}
    back = watch.ask(_STATE, 3.0)
    assert (back.failures, back.served) == (0, {})


def test_what_a_busy_server_said_last_stays_true_and_it_is_not_counted_as_away() -> None:
    server = _Server({"m": available(1)})
    watch = ServerWatch("http://ovms", server.served)
    watch.ask(_STATE, 0.0)
    server.busy = True
    asked = [watch.ask(_STATE, now) for now in (5.0, 95.0)]
    assert [(seen.own, seen.served, seen.failures) for seen in asked] == [
        ({"m": available(1)}, {"m": available(1)}, 0)
    ] * 2
    assert [seen.busy_for for seen in asked] == [0.0, 90.0]
    server.busy, server.answer = False, {}
    assert (watch.ask(_STATE, 96.0).own, watch.ask(_STATE, 97.0).busy) == ({}, False)


def test_a_server_that_is_busy_from_the_start_has_said_nothing() -> None:
    server = _Server(None)
    server.busy = True
    seen = ServerWatch("http://ovms", server.served).ask(_STATE, 0.0)
    assert (seen.own, seen.served, seen.busy, seen.failures) == (None, None, True, 0)


def test_what_another_pod_has_not_loaded_is_not_served_yet(tmp_path: Path) -> None:
    both = Replicas(tmp_path / "replicas", "one"), Replicas(tmp_path / "replicas", "two")
    ServerWatch("http://ovms", _Server({"m": {1: VersionState.LOADING}}).served, both[1]).ask(_STATE, 0.0)
    seen = ServerWatch("http://ovms", _Server({"m": available(1)}).served, both[0]).ask(_STATE, 0.0)
    assert seen.own == {"m": available(1)}
    assert seen.served == {"m": {1: VersionState.LOADING}}


def _two_pods(folder: Path, other: ServedModels) -> tuple[_Server, ServerWatch, ServerWatch]:
    """This pod's server and its watch, and that of another pod, which has told what it serves."""
    server = _Server({"m": available(1)})
    second = ServerWatch("http://ovms", _Server(other).served, Replicas(folder / "replicas", "two"))
    second.ask(_STATE, 0.0)
    return server, ServerWatch("http://ovms", server.served, Replicas(folder / "replicas", "one")), second


def test_while_this_pods_server_is_away_the_others_are_judged_by_and_no_folder_may_leave(
    tmp_path: Path,
) -> None:
    server, watch, _ = _two_pods(tmp_path, {"m": available(1, 2)})
    assert watch.ask(_STATE, 0.0).complete
    server.answer = None
    away = watch.ask(_STATE, 1.0)
    assert (away.own, away.served, away.outdated, away.complete) == (
        None,
        {"m": available(1, 2)},
        False,
        False,
    )


def test_a_pod_whose_server_is_away_and_that_has_the_volume_alone_is_told_nothing(tmp_path: Path) -> None:
    seen = ServerWatch("http://ovms", _Server(None).served, Replicas(tmp_path / "replicas", "one")).ask(
        _STATE, 0.0
    )
    assert (seen.served, seen.complete) == (None, False)


def test_a_busy_server_is_waited_for_as_long_as_a_silent_pod(tmp_path: Path) -> None:
    server, watch, _ = _two_pods(tmp_path, {"m": available(1, 2)})
    watch.ask(_STATE, 0.0)
    server.busy = True
    watch.ask(_STATE, 1.0)
    soon, later = watch.ask(_STATE, 10.0), watch.ask(_STATE, 20.0)
    assert soon.served == {"m": {1: VersionState.AVAILABLE, 2: VersionState.LOADING}}
    assert (soon.outdated, soon.complete) == (True, False)
    assert later.served == {"m": available(1, 2)}
    assert (later.outdated, later.complete) == (False, False)


def test_a_pod_that_fell_silent_is_not_waited_for_and_may_hold_files_for_a_while(tmp_path: Path) -> None:
    _, watch, second = _two_pods(tmp_path, {"m": {1: VersionState.LOADING}})
    path = tmp_path / "replicas" / "two.json"
    now = path.stat().st_mtime
    os.utime(path, (now - 60, now - 60))
    silent = watch.ask(_STATE, 1.0)
    assert (silent.served, silent.complete) == ({"m": available(1)}, False)
    os.utime(path, (now - 3600, now - 3600))
    assert watch.ask(_STATE, 2.0).complete
    assert second.replicas is not None
    second.replicas.withdraw()
    assert watch.ask(_STATE, 3.0).complete


def test_a_model_whose_states_are_unclear_holds_still_and_the_others_go_on(tmp_path: Path) -> None:
    models = {"m": _STATE.models["m"], "other": _STATE.models["m"]}
    both, loading = State(models), {1: VersionState.AVAILABLE, 2: VersionState.LOADING}
    server, unclear = _Server({"m": loading, "other": loading}), set[str]()
    one, two = (Replicas(tmp_path / "replicas", name) for name in ("one", "two"))
    watch = ServerWatch("http://ovms", server.served, one, unclear=lambda: unclear)
    watch.ask(both, 0.0)
    unclear |= {"m", trial_name("m", Rollout({}, {}, (1,)))}
    server.answer = {"m": loading, "other": {1: VersionState.AVAILABLE, 2: VersionState.END}}
    seen = watch.ask(both, 5.0)
    assert (seen.unclear, seen.loading_for) == ({"m"}, {"other": {2: 5.0}})
    assert two.others()["one"]["other"] == loading, "the others are told only what is clear"
    snapshot = Snapshot(0.0, 0.0, server=seen, state=both)
    assert [snapshot.model(name).server_busy for name in ("m", "other")] == [True, False]
    assert [snapshot.model(name).has_ended(7) for name in ("m", "other")] == [False, True]
    server.answer = {"other": loading}
    assert Snapshot(0.0, 0.0, server=watch.ask(both, 6.0), state=both).model("m").served is None
