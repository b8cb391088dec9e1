"""A card that is kept beside a version is lost, or spoilt, while no sidecar runs."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from edge_common.errors import RetryableError
from hand_sidecar import HandSidecar

_SETTINGS = '{"nireq": 4}'
_CARD = b"schema: 1\noutput: {labels: labels.txt}\nserving: {versions: [1, 2], nireq: 4}\n"
_LABELS = b"cat\ndog\n"
_ANSWERS = {b"good 1", b"good 2"}
_LOSSES: list[Callable[[Path], object]] = [Path.unlink, lambda path: path.write_text('{"schema": 1,')]


@pytest.fixture
def sidecar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HandSidecar:
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
    return HandSidecar(tmp_path)


def _serve(sidecar: HandSidecar, *folders: str) -> None:
    """Both versions, with a card and its labels in each of the `folders`."""
    for folder in folders:
        sidecar.store.put(f"{folder}/model.yaml", _CARD)
        sidecar.store.put(f"{folder}/labels.txt", _LABELS)
    for version in (1, 2):
        sidecar.store.put(f"cars/{version}/model.onnx", b"good %d" % version)
    sidecar.pass_time(60)
    _assert_served_as_asked(sidecar)


def _assert_served_as_asked(sidecar: HandSidecar) -> None:
    assert sidecar.answering("cars") == _ANSWERS
    assert {sidecar.ovms.settings["cars", version] for version in (1, 2)} == {_SETTINGS}


def _lose_cards(sidecar: HandSidecar, lose: Callable[[Path], object]) -> dict[str, bytes]:
    kept = {path.name: path.read_bytes() for path in (sidecar.volume.own / "cards").iterdir()}
    assert all(b'"labels": ["cat", "dog"]' in card for card in kept.values())
    for name in kept:
        lose(sidecar.volume.own / "cards" / name)
    return kept


def _cards(sidecar: HandSidecar) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (sidecar.volume.own / "cards").iterdir()}


@pytest.mark.parametrize("lose", _LOSSES)
def test_one_that_the_version_brought_is_made_from_that_again_without_the_store(
    sidecar: HandSidecar, lose: Callable[[Path], object]
) -> None:
    _serve(sidecar, "cars/1", "cars/2")
    kept = _lose_cards(sidecar, lose)
    sidecar.store.fail_with(RetryableError("away"))
    sidecar.start()
    for _ in range(40):
        sidecar.pass_time(1)
        _assert_served_as_asked(sidecar)
    assert _cards(sidecar) == kept
    assert [entry["what"] for entry in sidecar.posted.document["mended"]] == ["card", "card"]


@pytest.mark.parametrize("lose", _LOSSES)
def test_until_the_buckets_card_is_read_again_what_serves_stays_as_it_was(
    sidecar: HandSidecar, lose: Callable[[Path], object]
) -> None:
    _serve(sidecar, "cars")
    kept = _lose_cards(sidecar, lose)
    sidecar.store.fail_with(RetryableError("away"))
    sidecar.start()
    for seconds in range(60):
        if seconds == 30:
            sidecar.store.fail_with(None)
        sidecar.pass_time(1)
        _assert_served_as_asked(sidecar)
    assert _cards(sidecar) == kept


def test_one_that_the_bucket_has_no_more_asks_for_nothing(sidecar: HandSidecar) -> None:
    _serve(sidecar, "cars")
    _lose_cards(sidecar, Path.unlink)
    del sidecar.store.objects["cars/model.yaml"]
    sidecar.start()
    sidecar.pass_time(90)
    assert (sidecar.answering("cars"), sidecar.ovms.settings["cars", 2]) == ({b"good 2"}, "{}")
