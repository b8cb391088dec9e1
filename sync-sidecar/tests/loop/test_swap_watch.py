"""A version that took over is watched; here by a loop whose server, clients and clock are moved by hand."""

import json
from pathlib import Path
from typing import Any

import pytest
from hand_sidecar import WINDOW, HandSidecar
from model_sync.bucket.pins import Pin, format_pin
from model_sync.loop.wakeup import Retry
from model_sync.planning.history import Event
from model_sync.status.history import History
from model_sync.swap_watch.judgement import Breach, judge
from model_sync.swap_watch.observations import Answers, ServerCounts, record_from_lines
from model_sync.volume.kept_files import HistoryFile

_GOOD = Answers(answered=200, not_sure=4, streaks=220, label_set="cars", labels={"bus": 98, "car": 98})


class _Watched(HandSidecar):
    """Version 2 has just taken over from version 1, which answered 200 pictures well."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.store.put("m/1/model.onnx", b"one")
        self.pass_time(9)
        self.counts.counted = {("m", 1): ServerCounts(500, 1, {10_000: 490, 100_000: 10, 10**6: 0})}
        self.pass_time(2)
        self.upload_second()

    def upload_second(self) -> None:
        self.store.put("m/2/model.onnx", b"two")
        self.pass_time(9)
        assert self.answering("m") == {b"two"}

    def report(self, *, writes: bool = True) -> None:
        if self.reporter.history is None:
            self.reporter.history = History(HistoryFile(self.volume))
        super().report(writes=writes)

    def use(self, seconds: int, *, not_sure: float = 0.02, failed: float = 0.0, who: str = "camera") -> None:
        """Let clients ask ten times a second, and report."""
        for second in range(1, seconds + 1):
            asked = 10 * second
            vague = round(asked * not_sure)
            sure = asked - vague
            labels = {"bus": sure // 2, "car": sure - sure // 2}
            now = Answers(asked, vague, 0, round(asked * 1.1), "cars", labels)
            self.swap_watch.reports.put("m", who, {1: _GOOD, 2: now})
            if self.counts.counted is not None:
                counted = ServerCounts(asked, round(asked * failed), {10_000: asked, 100_000: 0, 10**6: 0})
                self.counts.counted[("m", 2)] = counted
            self.pass_time(1)

    @property
    def watch(self) -> dict[str, Any]:
        told: dict[str, Any] = self.posted.document["models"]["m"]["watch"]
        return told

    def row(self, version: str) -> dict[str, Any]:
        rows = self.posted.document["models"]["m"]["versions"]
        return next(row for row in rows if row["source"] == version)


@pytest.fixture
def watched(tmp_path: Path) -> _Watched:
    return _Watched(tmp_path)


def test_a_version_that_is_as_good_as_the_one_before_is_kept(watched: _Watched) -> None:
    assert watched.watch["state"] == "watching"
    assert (watched.watch["version"], watched.watch["before"]) == ("2", "1")
    watched.use(round(WINDOW) + 2)
    assert watched.watch["state"] == "kept"
    assert "failed, labels, not sure, refused, slow" in watched.watch["sentence"]
    assert watched.answering("m") == {b"two"}


def test_a_version_that_recognises_nothing_goes_back_by_itself_and_says_why(watched: _Watched) -> None:
    watched.use(20, not_sure=0.98)
    watched.pass_time(6)
    assert watched.answering("m") == {b"one"}
    assert watched.row("1")["state"] == "serving"
    assert watched.row("2")["state"] == "rejected"
    assert "answers were not sure, as camera reports; before it 4 of 200" in watched.row("2")["reason"]
    assert "went back to 1" in watched.row("2")["reason"]
    assert watched.watch["state"] == "went_back"
    assert (Event.WENT_BACK, "2") in {(entry.event, entry.version) for entry in watched.posted.history}
    withdrawn = watched.metrics.registry.get_sample_value(
        "model_sync_versions_withdrawn_total", {"reason": "not_sure"}
    )
    assert withdrawn == 1
    watched.clock.advance(86400)
    watched.pass_time(3)
    assert watched.answering("m") == {b"one"}, "time alone does not try it again"


def test_a_version_whose_requests_fail_goes_back_without_any_client_that_reports(watched: _Watched) -> None:
    watched.use(15, failed=0.9, who="")
    watched.pass_time(6)
    assert watched.answering("m") == {b"one"}
    assert "requests to the model server failed" in watched.row("2")["reason"]


def test_requests_just_before_a_swap_are_compared_with_though_they_are_counted_later(tmp_path: Path) -> None:
    watched = _Watched(tmp_path)
    watched.store.put("m/3/model.onnx", b"three")
    while watched.answering("m") == {b"two"}:
        watched.pass_time(1)
    counted = {("m", 2): ServerCounts(200, 0, {10_000: 200, 100_000: 0, 10**6: 0})}
    for second in range(1, 20):
        counted["m", 3] = ServerCounts(10 * second, 9 * second, {10_000: 10 * second, 100_000: 0, 10**6: 0})
        watched.counts.counted = counted
        watched.pass_time(1)
    assert "requests to the model server failed; before it 0 of 200" in watched.row("3")["reason"]


def test_the_record_on_the_volume_leads_to_the_same_decision(watched: _Watched) -> None:
    watched.use(20, not_sure=0.98)
    content = (watched.volume.own / "watches" / "m.jsonl").read_bytes()
    record = record_from_lines(content)
    assert isinstance(judge(record), Breach)
    assert json.loads(content.splitlines()[0])["version"] == "2"


def test_without_the_servers_metrics_the_clients_decide_alone_and_the_status_says_so(tmp_path: Path) -> None:
    watched = _Watched(tmp_path)
    watched.counts.counted = None
    watched.use(3)
    assert "metrics are not there" in watched.watch["sentence"]
    watched.use(20, not_sure=0.98)
    watched.pass_time(6)
    assert watched.answering("m") == {b"one"}


def test_under_a_pin_nothing_goes_back(watched: _Watched) -> None:
    watched.store.put("m/pin.yaml", format_pin(Pin("2", "as it is", "Anna")))
    watched.pass_time(2)
    watched.use(20, not_sure=0.98)
    assert watched.answering("m") == {b"two"}
    assert watched.watch["state"] == "ended"


def test_what_a_person_tries_again_is_not_taken_back_twice(watched: _Watched) -> None:
    watched.use(20, not_sure=0.98)
    watched.pass_time(6)
    watched.reconciler.requests.put(Retry("m", "2"))
    watched.pass_time(12)
    assert watched.answering("m") == {b"two"}
    watched.start()
    watched.use(20, not_sure=0.98)
    assert watched.answering("m") == {b"two"}
    watched.store.put("m/3/model.onnx", b"three")
    watched.pass_time(12)
    watched.use(round(WINDOW) + 2)
    assert watched.answering("m") == {b"three"}
    assert watched.row("2")["state"] == "previous"


def test_new_content_under_the_same_number_is_watched_again(watched: _Watched) -> None:
    watched.use(20, not_sure=0.98)
    watched.pass_time(6)
    watched.store.put("m/2/model.onnx", b"two, mended")
    watched.pass_time(20)
    assert watched.answering("m") == {b"two, mended"}
    assert watched.watch["state"] == "watching"


def test_a_restart_in_the_middle_goes_on(watched: _Watched) -> None:
    watched.use(2, not_sure=0.98)
    until = watched.watch["until"]
    watched.start()
    watched.pass_time(1)
    assert (watched.watch["state"], watched.watch["until"]) == ("watching", until)
    watched.use(20, not_sure=0.98)
    watched.pass_time(6)
    assert watched.answering("m") == {b"one"}


def test_a_record_that_cannot_be_read_ends_the_watch_and_harms_nothing(watched: _Watched) -> None:
    (watched.volume.own / "watches" / "m.jsonl").write_bytes(b"junk")
    watched.start()
    watched.use(20, not_sure=0.98)
    assert watched.answering("m") == {b"two"}


def test_where_the_version_before_is_gone_the_new_one_stays_and_it_is_said(watched: _Watched) -> None:
    watched.store.remove_folder("m/1/")
    watched.pass_time(45)
    watched.use(14, not_sure=0.98)
    assert watched.answering("m") == {b"two"}
    assert watched.watch["state"] == "worse"
    assert "1 is no longer on the volume" in watched.watch["sentence"]


def test_content_that_is_replaced_meanwhile_is_not_rejected_in_its_place(watched: _Watched) -> None:
    watched.store.put("m/2/model.onnx", b"two, mended")
    watched.step(look=True)
    watched.use(6, not_sure=0.98)
    watched.pass_time(20)
    assert watched.answering("m") == {b"two, mended"}
    assert watched.row("2")["state"] == "serving"
