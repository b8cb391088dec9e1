"""What the answers of a model server tell over time."""

from pathlib import Path

from edge_common.errors import RetryableError
from edge_common.served_state import ServedModels, VersionState
from model_snapshots import available, state, stored
from model_sync.model_server.client import ServerBusyError
from model_sync.model_server.replicas import Replicas
from model_sync.model_server.server_watch import ServerWatch
from model_sync.planning.state import State

_STATE = State({"m": state(stored(1), stored(2), configured=(1, 2), confirmed=(1,))})


class _Server:
    """Answers what it is told; None: it is away."""

    url = "http://ovms"

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
    watch = ServerWatch(_Server({"m": {**available(1), 2: VersionState.LOADING}}))
    watch.ask(_STATE, 10.0)
    seen = watch.ask(_STATE, 14.0)
    assert seen.loading_for == {"m": {2: 4.0}}
    assert (seen.url, seen.own, seen.served) == ("http://ovms", seen.served, seen.own)


def test_its_absence_is_counted_until_it_is_back() -> None:
    server = _Server(None)
    watch = ServerWatch(server)
    assert [watch.ask(_STATE, float(now)).failures for now in range(3)] == [1, 2, 3]
    server.answer = {}
    back = watch.ask(_STATE, 3.0)
    assert (back.failures, back.served) == (0, {})


def test_what_a_busy_server_said_last_stays_true_and_it_is_not_counted_as_away() -> None:
    server = _Server({"m": available(1)})
    watch = ServerWatch(server)
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
    seen = ServerWatch(server).ask(_STATE, 0.0)
    assert (seen.own, seen.served, seen.busy, seen.failures) == (None, None, True, 0)


def test_what_another_pod_has_not_loaded_is_not_served_yet(tmp_path: Path) -> None:
    both = Replicas(tmp_path / "replicas", "one"), Replicas(tmp_path / "replicas", "two")
    ServerWatch(_Server({"m": {1: VersionState.LOADING}}), both[1]).ask(_STATE, 0.0)
    seen = ServerWatch(_Server({"m": available(1)}), both[0]).ask(_STATE, 0.0)
    assert seen.own == {"m": available(1)}
    assert seen.served == {"m": {1: VersionState.LOADING}}
