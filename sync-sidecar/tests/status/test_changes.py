"""What is told of two reports that differ, from values."""

from dataclasses import replace

from model_sync.planning.uploads import Phase
from model_sync.status.changes import changes, since_when
from model_sync.status.version_reports import VersionReport

_ROW = VersionReport("cars", "2", Phase.ACTIVATING, local_version=2)
_KEY = ("cars", "2")


def test_a_version_that_comes_changes_and_goes_is_a_change_each_time() -> None:
    (came,) = changes({}, {_KEY: _ROW})
    assert came.log_line == (
        "version_activating",
        {"model": "cars", "bucket_version": "2", "local_version": 2, "reason": ""},
    )
    (went,) = changes({_KEY: _ROW}, {})
    assert went.log_line == ("version_gone", {"model": "cars", "bucket_version": "2"})


def test_another_reason_is_told_and_progress_is_not() -> None:
    assert changes({_KEY: _ROW}, {_KEY: replace(_ROW, progress=0.5, digest="sha256:0")}) == []
    (change,) = changes({_KEY: _ROW}, {_KEY: replace(_ROW, reason="waiting for the model server to answer")})
    assert not change.is_of_phase


def test_what_is_only_passed_through_is_told_at_debug() -> None:
    told = {
        phase: changes({}, {_KEY: replace(_ROW, phase=phase)})[0].is_told_at_info
        for phase in (Phase.DOWNLOADING, Phase.ACTIVATING, Phase.SERVING, Phase.REJECTED)
    }
    assert list(told.values()) == [False, False, True, True]
    assert changes({_KEY: _ROW}, {})[0].is_told_at_info


def test_a_load_ends_when_what_was_activating_serves_or_is_rejected() -> None:
    def ended(before: Phase, after: Phase) -> Phase | None:
        rows = [{_KEY: replace(_ROW, phase=phase)} for phase in (before, after)]
        return changes(*rows)[0].ended_load

    assert ended(Phase.ACTIVATING, Phase.SERVING) is Phase.SERVING
    assert ended(Phase.ACTIVATING, Phase.REJECTED) is Phase.REJECTED
    assert ended(Phase.ACTIVATING, Phase.RETIRING) is None
    assert ended(Phase.WAITING, Phase.REJECTED) is None, "the server never saw it"


def test_a_phase_keeps_the_time_of_its_beginning_and_loses_it_with_the_version() -> None:
    since = since_when({}, changes({}, {_KEY: _ROW}), 10.0)
    other_reason = replace(_ROW, reason="the model server cannot load it at the moment and tries again")
    since = since_when(since, changes({_KEY: _ROW}, {_KEY: other_reason}), 20.0)
    assert since == {_KEY: 10.0}
    serving = replace(_ROW, phase=Phase.SERVING)
    since = since_when(since, changes({_KEY: other_reason}, {_KEY: serving}), 30.0)
    assert since == {_KEY: 30.0}
    assert since_when(since, changes({_KEY: serving}, {}), 40.0) == {}
