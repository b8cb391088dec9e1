from pathlib import Path

import pytest
from hand_sidecar import HandSidecar
from model_sync.bucket.pins import Pin, format_pin
from model_sync.loop.wakeup import Release, Retry
from model_sync.planning.history import (
    MAX_BYTES,
    MAX_ENTRIES,
    Event,
    HistoryEntry,
    history_from_lines,
    history_to_lines,
)
from model_sync.status.history import History
from model_sync.volume.kept_files import HistoryFile


class _Told(HandSidecar):
    """A sidecar whose history is kept."""

    def start(self) -> None:
        super().start()
        self.reporter.history = History(HistoryFile(self.volume))

    @property
    def told(self) -> list[str]:
        return [f"{e.event} {e.model} {e.version}".strip() for e in self.posted.history]


@pytest.fixture
def sidecar(tmp_path: Path) -> _Told:
    made = _Told(tmp_path)
    for content, version in ((b"one", "1"), (b"two", "2")):
        made.store.put(f"m/{version}/model.onnx", content)
        made.pass_time(30)
    return made


_LIFE = ["uploaded m 1", "serving m 1", "uploaded m 2", "serving m 2", "retired m 1"]


def test_a_life_with_a_step_back_is_told_in_order_and_survives_a_restart(sidecar: _Told) -> None:
    sidecar.store.put("m/pin.yaml", format_pin(Pin("1", "2 is bad", "Anna")))
    sidecar.pass_time(6)
    stepped_back = [*_LIFE, "pinned m 1", "rolled_back m 1", "retired m 2"]
    assert sidecar.told == stepped_back
    pinned = sidecar.posted.history[5]
    assert (pinned.by, pinned.reason) == ("Anna", "2 is bad")
    sidecar.start()
    sidecar.pass_time(6)
    assert sidecar.told == stepped_back
    sidecar.store.remove_folder("m/pin.yaml")
    sidecar.pass_time(6)
    assert sidecar.told == [*stepped_back, "unpinned m 1", "serving m 2", "retired m 1"]
    assert Path(sidecar.volume.own, "history.jsonl").read_bytes().count(b"\n") == len(sidecar.told)


@pytest.mark.parametrize("seen_before", [True, False])
def test_who_pins_and_who_takes_a_pin_away_is_told_once_whether_that_was_seen_before_or_after(
    sidecar: _Told, *, seen_before: bool
) -> None:
    def by_ben(event: Event, version: str) -> None:
        entry = HistoryEntry(sidecar.clock.now(), event, "m", version, "mended", "Ben")
        sidecar.reporter.history.note(entry)  # type: ignore[union-attr]  # `start` has given it one
        sidecar.step()

    for event, version in (
        (Event.PINNED, "1"),
        (Event.PINNED, "2"),
        (Event.UNPINNED, "2"),
        (Event.PINNED, "2"),
    ):
        if not seen_before:
            by_ben(event, version)
        if event is Event.PINNED:
            sidecar.store.put("m/pin.yaml", format_pin(Pin(version, "mended", "Ben")))
        else:
            sidecar.store.remove_folder("m/pin.yaml")
        sidecar.pass_time(6)
        if seen_before:
            by_ben(event, version)
    told = [(f"{e.event} {e.version}", e.reason, e.by) for e in sidecar.posted.history if "pinned" in e.event]
    by = ("mended", "Ben")
    assert told == [("pinned 1", *by), ("pinned 2", *by), ("unpinned 2", *by), ("pinned 2", *by)]


def test_a_rejection_an_outage_and_what_is_gone_are_told_once(sidecar: _Told) -> None:
    sidecar.store.put("m/v1/model.onnx", b"x")
    sidecar.pass_time(10)
    sidecar.ovms.stop()
    sidecar.pass_time(3)
    sidecar.ovms.start()
    sidecar.pass_time(10)
    sidecar.store.remove_folder("m/v1/")
    sidecar.pass_time(10)
    assert sidecar.told == [
        *_LIFE,
        "uploaded m v1",
        "rejected m v1",
        "server_away",
        "server_back",
        "removed m v1",
    ]


def test_a_version_removed_in_the_bucket_says_what_follows_and_a_release_hurries_it(
    sidecar: _Told,
) -> None:
    sidecar.store.remove_folder("m/2/")
    sidecar.pass_time(2)
    held = sidecar.posted.document["models"]["m"]["versions"][1]
    assert held["state"] == "held"
    assert "UTC on 1 answers in its place; upload it again, pin it, or hurry with" in held["reason"]
    sidecar.reconciler.requests.put(Release("m"))
    sidecar.pass_time(4)
    assert sidecar.answering("m") == {b"one"}


def test_a_release_ends_a_hold_of_all_removals(sidecar: _Told) -> None:
    sidecar.store.remove_folder("m/")
    sidecar.pass_time(3)
    assert "say so with model-sync release" in sidecar.posted.document["notices"][0]
    sidecar.reconciler.requests.put(Release("dogs"))
    sidecar.pass_time(3)
    assert sidecar.answering("m") == {b"two"}
    sidecar.reconciler.requests.put(Release(""))
    sidecar.pass_time(4)
    assert sidecar.answering("m") == set()


def test_a_retry_tries_a_rejected_version_again_at_once(sidecar: _Told) -> None:
    sidecar.store.put("m/3/model.onnx", b"broken")
    sidecar.pass_time(20)
    rejected = sidecar.state.model("m").rejections["3"]
    sidecar.reconciler.requests.put(Retry("m", "3"))
    sidecar.pass_time(4)
    again = sidecar.state.model("m").rejections["3"]
    assert again.attempts == rejected.attempts + 1


def test_the_history_is_bounded_and_read_back(tmp_path: Path) -> None:
    sidecar = _Told(tmp_path)
    history = sidecar.reporter.history
    assert history is not None
    for number in range(MAX_ENTRIES + 7):
        history.note(HistoryEntry(float(number), Event.RETRY, "m", "1", "x" * 1000, "Anna"))
    sidecar.step()
    kept = history_from_lines(Path(sidecar.volume.own, "history.jsonl").read_bytes())
    assert (len(kept), kept[-1].at, len(kept[0].reason)) == (MAX_ENTRIES, MAX_ENTRIES + 6.0, 300)
    assert tuple(sidecar.posted.history) == kept


@pytest.mark.parametrize(
    "damage",
    [b"half a li", b'{"at": 1}\n', b"[1]\n", b"\xff\xfe\n", b"[" * 100_000, b" " * (MAX_BYTES + 9)],
)
def test_a_damaged_history_begins_anew_and_is_kept(sidecar: _Told, damage: bytes) -> None:
    path = Path(sidecar.volume.own, "history.jsonl")
    path.write_bytes(damage)
    sidecar.start()
    sidecar.pass_time(2)
    assert path.with_name("history.jsonl.unreadable").read_bytes() == damage
    assert sidecar.told == []
    sidecar.store.remove_folder("m/2/")
    sidecar.pass_time(30)
    assert sidecar.told[0] == "retired m 2"


def test_a_volume_that_keeps_no_history_keeps_nothing_else_from_happening(sidecar: _Told) -> None:
    Path(sidecar.volume.own, ".history.jsonl.new").mkdir()
    sidecar.store.put("m/3/model.onnx", b"three")
    sidecar.pass_time(20)
    assert sidecar.answering("m") == {b"three"}
    Path(sidecar.volume.own, ".history.jsonl.new").rmdir()
    sidecar.step(look=True)
    assert "serving m 3" in sidecar.told
    kept = history_from_lines(Path(sidecar.volume.own, "history.jsonl").read_bytes())
    assert kept == tuple(sidecar.posted.history)


def test_a_follower_tells_what_the_writer_has_kept(sidecar: _Told) -> None:
    follower = History(HistoryFile(sidecar.volume))
    follower.note(HistoryEntry(1.0, Event.RETRY, "m", "1"))
    snapshot = sidecar.reconciler.snapshot
    follower.follow(snapshot, {}, {}, writes=False)
    assert history_to_lines(follower.entries) == history_to_lines(sidecar.posted.history)
