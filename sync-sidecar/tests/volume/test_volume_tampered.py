"""A start on a volume that lost its state.json, or whose folders somebody else has changed."""

from pathlib import Path
from typing import Any

import pytest
from edge_common.errors import RetryableError
from hand_sidecar import GRACE, HOLD, HandSidecar

_MODEL = "model.onnx"


@pytest.fixture
def sidecar(tmp_path: Path) -> HandSidecar:
    """It serves version 2 of cars, and keeps version 1 for rollback; dogs are served, too."""
    made = HandSidecar(tmp_path)
    made.store.put("dogs/1/model.onnx", b"good dogs")
    made.store.put("cars/1/model.onnx", b"good 1")
    made.pass_time(20)
    made.store.put("cars/2/model.onnx", b"good 2")
    made.pass_time(30)
    assert made.answering("cars") == {b"good 2"}
    return made


def _lose_state(sidecar: HandSidecar) -> None:
    (sidecar.volume.root / ".model-sync" / "state.json").unlink()
    sidecar.start()


def _folder(sidecar: HandSidecar, local_version: int) -> Path:
    return sidecar.volume.version_folder("cars", local_version)


def _told(sidecar: HandSidecar, bucket_version: str) -> dict[str, Any]:
    versions: list[dict[str, Any]] = sidecar.posted.document["models"]["cars"]["versions"]
    return next(entry for entry in versions if entry["source"] == bucket_version)


def test_after_the_loss_of_its_record_an_unlisted_version_goes_when_its_removal_holds(
    sidecar: HandSidecar,
) -> None:
    sidecar.store.remove_folder("cars/1/")
    _lose_state(sidecar)
    sidecar.pass_time(GRACE - 2)
    assert _folder(sidecar, 1).exists()
    assert _told(sidecar, "1")["state"] == "held"
    assert _told(sidecar, "1")["reason"].startswith("on the volume without a record and not in the bucket")
    sidecar.pass_time(10)
    assert not _folder(sidecar, 1).exists()
    assert sidecar.answering("cars") == {b"good 2"}


def test_a_whole_model_that_nobody_remembers_goes_by_the_same_rule(sidecar: HandSidecar) -> None:
    stray = sidecar.volume.version_folder("gone", 3)
    stray.mkdir(parents=True)
    (stray / _MODEL).write_bytes(b"good, once")
    _lose_state(sidecar)
    sidecar.pass_time(GRACE + 10)
    assert not stray.parent.exists()
    assert sidecar.answering("gone") == set()


def test_while_the_store_is_away_or_lists_nothing_no_adopted_version_goes(sidecar: HandSidecar) -> None:
    _lose_state(sidecar)
    sidecar.store.fail_with(RetryableError("away"))
    sidecar.pass_time(GRACE * 3)
    sidecar.store.fail_with(None)
    sidecar.store.lists_nothing = True
    sidecar.pass_time(HOLD - 10)
    assert _folder(sidecar, 1).exists()
    assert sidecar.answering("cars") == {b"good 2"}


def test_what_the_bucket_still_has_is_served_on_and_known_again(sidecar: HandSidecar) -> None:
    before = _folder(sidecar, 2).stat().st_ino
    _lose_state(sidecar)
    sidecar.pass_time(40)
    assert _told(sidecar, "2")["state"] == "serving"
    assert _folder(sidecar, 2).stat().st_ino == before, "it was compared, not replaced"
    assert sidecar.state.model("cars").stored[2].trusted


def test_an_adopted_version_is_never_listed_anew(sidecar: HandSidecar) -> None:
    stray = _folder(sidecar, 9)
    stray.mkdir()
    (stray / _MODEL).write_bytes(b"good, perhaps")
    _lose_state(sidecar)
    for _ in range(30):
        sidecar.pass_time(1)
        assert sidecar.answering("cars") == {b"good 2"}


@pytest.mark.parametrize("damage", ["another size", "a file gone", "a file too many"])
def test_a_damaged_version_answers_until_its_replacement_does(sidecar: HandSidecar, damage: str) -> None:
    file = _folder(sidecar, 2) / _MODEL
    if damage == "another size":
        file.write_bytes(b"changed by somebody")
    elif damage == "a file gone":
        file.unlink()
    else:
        (_folder(sidecar, 2) / "more").write_bytes(b"?")
    sidecar.start()
    sidecar.step(look=True)
    assert _told(sidecar, "2")["reason"].startswith("its files on the volume were changed: ")
    for _ in range(60):
        sidecar.pass_time(1)
        assert sidecar.answering("cars") == {b"good 2"}
    assert [path.name for path in _folder(sidecar, 2).iterdir()] == [_MODEL]
    assert file.read_bytes() == b"good 2"
    assert (_told(sidecar, "2")["state"], _told(sidecar, "2")["reason"]) == ("serving", "")
    assert sidecar.ovms.states["cars"][2].name == "AVAILABLE"


def test_a_damaged_version_answers_on_while_the_store_is_away(sidecar: HandSidecar) -> None:
    (_folder(sidecar, 2) / _MODEL).write_bytes(b"changed by somebody")
    sidecar.store.fail_with(RetryableError("away"))
    sidecar.start()
    sidecar.pass_time(60)
    assert sidecar.answering("cars") == {b"good 2"}


def test_a_damaged_version_kept_for_rollback_is_never_listed(sidecar: HandSidecar) -> None:
    (_folder(sidecar, 1) / _MODEL).write_bytes(b"changed by somebody")
    sidecar.start()
    sidecar.store.remove_folder("cars/2/")
    for _ in range(80):
        sidecar.pass_time(1)
        assert sidecar.answering("cars") <= {b"good 1", b"good 2"}
    assert sidecar.answering("cars") == {b"good 1"}, "fetched again"


def test_a_folder_that_is_gone_is_fetched_again(sidecar: HandSidecar) -> None:
    (_folder(sidecar, 2) / _MODEL).unlink()
    _folder(sidecar, 2).rmdir()
    sidecar.start()
    sidecar.pass_time(60)
    assert sidecar.answering("cars") == {b"good 2"}
    assert (_folder(sidecar, 2) / _MODEL).read_bytes() == b"good 2"
