"""Listings in a thread of their own, moved by hand."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from collected_logs import LogLines
from edge_common.errors import RetryableError
from hand_sidecar import HandSidecar, serving_cars
from model_sync.bucket.pins import Pin, format_pin
from model_sync.loop.bucket_watch import BucketWatch
from model_sync.store.errors import ObjectChangedError, UnknownUserError


@pytest.fixture
def sidecar(tmp_path: Path) -> HandSidecar:
    return serving_cars(tmp_path)


@pytest.fixture
def begun(sidecar: HandSidecar) -> list[Callable[[], None]]:
    """The listings that were begun and have not ended."""
    listings: list[Callable[[], None]] = []
    sidecar.reconciler.observer.bucket.run = listings.append
    return listings


def _watch(sidecar: HandSidecar) -> BucketWatch:
    return sidecar.reconciler.observer.bucket


def test_the_loop_goes_on_while_a_listing_lasts_and_takes_in_what_it_told(
    sidecar: HandSidecar, begun: list[Callable[[], None]]
) -> None:
    sidecar.store.put("cars/2/model.onnx", b"good 2")
    ended: list[str] = []
    _watch(sidecar).listing_ended = lambda: ended.append("told")
    sidecar.step(look=True)
    sidecar.clock.advance(1.0)
    sidecar.step()
    assert "2" not in sidecar.reconciler.snapshot.model("cars").listed.versions  # type: ignore[union-attr]  # it is
    assert sidecar.reconciler.next_step_in() > 0
    begun.pop()()
    assert ended == ["told"]
    sidecar.step()
    assert "2" in sidecar.reconciler.snapshot.model("cars").listed.versions  # type: ignore[union-attr]  # it is


def test_a_listing_that_lasts_is_told_in_the_status_and_another_is_not_begun(
    sidecar: HandSidecar, begun: list[Callable[[], None]]
) -> None:
    sidecar.step(look=True)
    for _ in range(3):
        sidecar.clock.advance(6.0)
        sidecar.step(look=True)
    assert len(begun) == 1
    assert math.isinf(_watch(sidecar).list_again_at)
    since = sidecar.posted.document["cycle"]["listing_since"]
    assert any(f"listing the bucket since {since}" in notice for notice in sidecar.posted.document["notices"])
    begun.pop()()
    sidecar.step()
    assert sidecar.posted.document["cycle"]["listing_since"] is None
    sidecar.step()
    assert len(begun) == 1, "it was asked for while the other lasted, which may not have seen everything"


def test_a_first_listing_that_lasts_for_long_does_not_keep_the_pod_from_starting(tmp_path: Path) -> None:
    made = HandSidecar(tmp_path)
    made.reconciler.observer.bucket.run = lambda _listing: None
    started = []
    for seconds in (0.0, 30.0, 31.0):
        made.clock.advance(seconds)
        made.step(look=True)
        started.append(made.posted.readiness.started)
    assert started == [False, False, True]
    assert not made.posted.readiness.ready


def test_a_listing_that_fails_in_its_thread_is_noted_by_the_loop_and_a_defect_ends_it(
    sidecar: HandSidecar, begun: list[Callable[[], None]]
) -> None:
    sidecar.store.fail_with(RetryableError("the store is away"))
    sidecar.step(look=True)
    begun.pop()()
    sidecar.step()
    assert str(sidecar.reconciler.snapshot.bucket.error) == "the store is away"

    def defect() -> bool:
        raise LookupError("a defect")

    _watch(sidecar).prepare = defect
    _watch(sidecar)._prepared = False
    sidecar.step(look=True)
    begun.pop()()
    with pytest.raises(LookupError):
        sidecar.step()


def test_what_prepares_the_bucket_is_asked_until_it_has_succeeded(sidecar: HandSidecar) -> None:
    answers = [False, True]
    _watch(sidecar)._prepared = False
    _watch(sidecar).prepare = lambda: answers.pop(0)
    for _ in range(3):
        sidecar.step(look=True)
    assert not answers


def test_a_user_that_a_new_store_does_not_know_yet_is_no_warning_for_a_minute(
    tmp_path: Path, logged: LogLines
) -> None:
    made = HandSidecar(tmp_path)
    watch = made.reconciler.observer.bucket
    made.store.fail_with(UnknownUserError("the store does not accept the credentials; check them"))
    for seconds in (0.0, 5.0, 56.0):
        made.clock.advance(seconds)
        watch.begin_listing()
        watch.take_in_listing(())
    told = [(line["level"], line["reason"]) for line in logged.of("listing_failed")]
    awaited = ("info", "the store does not know this user yet")
    assert told == [awaited, awaited, ("warning", "the store does not accept the credentials; check them")]
    assert "check them" in str(watch.snapshot().error), "which the status tells from the start"


def test_a_user_that_a_store_knew_before_is_a_warning_at_once(sidecar: HandSidecar, logged: LogLines) -> None:
    sidecar.store.fail_with(UnknownUserError("the store does not accept the credentials"))
    sidecar.step(look=True)
    assert [line["level"] for line in logged.of("listing_failed")] == ["warning"]


_PIN = format_pin(Pin("1", "2 is bad", "Anna"))


@pytest.fixture
def second(tmp_path: Path) -> HandSidecar:
    """A sidecar that serves version 2, with version 1 kept beside it."""
    sidecar = HandSidecar(tmp_path)
    for content, version in ((b"one", "1"), (b"two", "2")):
        sidecar.store.put(f"m/{version}/model.onnx", content)
        sidecar.pass_time(30)
    assert sidecar.answering("m") == {b"two"}
    return sidecar


def test_a_pin_brings_the_version_before_back_without_a_download_and_without_a_gap(
    second: HandSidecar,
) -> None:
    reads = len(second.store.reads)
    second.store.put("m/pin.yaml", _PIN)
    second.step(look=True)
    for _ in range(6):
        second.pass_time(1)
        assert second.answering("m")
    assert second.answering("m") == {b"one"}
    assert [key for key, _ in second.store.reads[reads:]] == ["m/pin.yaml"]
    told = second.posted.document["models"]["m"]
    assert told["pin"] == {
        "version": "1",
        "reason": "2 is bad",
        "by": "Anna",
        "at": None,
        "holds": True,
        "sentence": "pinned to 1 by Anna, because 2 is bad; 2 is newer",
    }
    second.store.remove_folder("m/pin.yaml")
    second.pass_time(6)
    assert second.answering("m") == {b"two"}
    assert second.posted.document["models"]["m"]["pin"] is None


def test_a_pin_holds_through_restarts_outages_and_empty_answers(second: HandSidecar) -> None:
    second.store.put("m/pin.yaml", _PIN)
    second.pass_time(6)

    def away() -> None:
        raise RetryableError("the store is away")

    second.store.on_list = away
    second.start()
    second.pass_time(6)
    assert second.answering("m") == {b"one"}
    assert second.posted.document["models"]["m"]["pin"]["by"] == "Anna"
    second.store.on_list = lambda: None
    second.store.lists_nothing = True
    second.pass_time(6)
    second.store.lists_nothing = False
    second.pass_time(6)
    assert second.answering("m") == {b"one"}


def test_the_last_of_two_pins_holds(second: HandSidecar) -> None:
    second.store.put("m/pin.yaml", _PIN)
    second.store.put("m/pin.yaml", format_pin(Pin("2", by="Ben")))
    second.pass_time(6)
    assert second.answering("m") == {b"two"}
    assert second.posted.document["models"]["m"]["pin"]["by"] == "Ben"


def test_a_pin_that_cannot_be_read_changes_nothing_and_is_told(second: HandSidecar) -> None:
    second.store.put("m/pin.yaml", _PIN)
    second.pass_time(6)
    second.store.put("m/pin.yaml", b"version: two")
    second.pass_time(6)
    assert second.answering("m") == {b"one"}
    assert "'two' is no version" in second.posted.document["models"]["m"]["pin"]["sentence"]

    def refused(key: str, _offset: int, content: bytes) -> bytes:
        if key == "m/pin.yaml":
            raise ObjectChangedError("the store reads nothing")
        return content

    second.store.put("m/pin.yaml", format_pin(Pin("2")))
    second.store.on_read = refused
    second.pass_time(6)
    assert second.answering("m") == {b"one"}
    second.store.on_read = lambda _key, _offset, content: content
    second.pass_time(6)
    assert second.answering("m") == {b"two"}
