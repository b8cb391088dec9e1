from pathlib import Path

import pytest
from edge_common.errors import RetryableError
from hand_sidecar import HandSidecar
from model_sync.bucket.pins import Pin, format_pin
from model_sync.store.object_store import ObjectChangedError

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
