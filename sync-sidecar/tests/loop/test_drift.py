"""The volume is changed behind the running sidecar's back: it heals, and what answers answers on."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from collected_logs import LogLines
from edge_common.errors import RetryableError
from edge_common.served_state import VersionState
from hand_sidecar import HandSidecar
from model_sync.planning.state import State
from model_sync.volume.digests import FIRST_PASS_AFTER, PASS_EVERY

_MODEL = "model.onnx"
_FIRST, _SECOND, _DOGS = b"good 1", b"good 2", b"good dogs"


@pytest.fixture
def sidecar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HandSidecar:
    """It serves version 2 of cars, and keeps version 1 for rollback; dogs are served, too."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)  # nobody pulls the plug here
    made = HandSidecar(tmp_path)
    made.store.put("dogs/1/model.onnx", _DOGS)
    made.store.put("cars/1/model.onnx", _FIRST)
    made.pass_time(20)
    made.store.put("cars/2/model.onnx", _SECOND)
    made.pass_time(40)
    assert made.answering("cars") == {_SECOND}
    return made


def _folder(sidecar: HandSidecar, local_version: int = 2) -> Path:
    return sidecar.volume.version_folder("cars", local_version)


def _flip(path: Path, content: bytes) -> None:
    """Other bytes of the same size and date, in the same file."""
    dates = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(dates.st_atime_ns, dates.st_mtime_ns))


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _replaced_by_file(path: Path) -> None:
    shutil.rmtree(path)
    path.write_text("notes")


def _replaced_by_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/null")


def _delete_all_but_ours(root: Path) -> None:
    """As `rm -rf *` does, which passes hidden names over."""
    for path in root.iterdir():
        if not path.name.startswith("."):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _stray_types(path: Path) -> None:
    path.write_text(json.dumps({"schema": 2, "models": {"cars": {"stored": "many"}}}))


_DRIFTS: dict[str, Callable[[HandSidecar], object]] = {
    "config.json emptied": lambda s: s.volume.config_path.write_text(""),
    "config.json is junk": lambda s: s.volume.config_path.write_text('{"model_config_list": 7}'),
    "config.json deleted": lambda s: s.volume.config_path.unlink(),
    "config.json lists nothing": lambda s: s.volume.config_path.write_text('{"model_config_list": []}'),
    "state.json deleted": lambda s: s.volume.state_path.unlink(),
    "state.json emptied": lambda s: s.volume.state_path.write_text(""),
    "state.json of the wrong types": lambda s: _stray_types(s.volume.state_path),
    "our folder emptied": lambda s: _empty(s.volume.own),
    "our folder deleted": lambda s: shutil.rmtree(s.volume.own),
    "staging replaced by a file": lambda s: _replaced_by_file(s.volume.staging_root),
    "a file in staging": lambda s: (s.volume.staging_root / "notes.txt").write_text("x"),
    "everything but our folder deleted": lambda s: _delete_all_but_ours(s.volume.root),
    "a model's folder deleted": lambda s: shutil.rmtree(s.volume.root / "cars"),
    "a model's folder replaced by a file": lambda s: _replaced_by_file(s.volume.root / "cars"),
    "a version's folder replaced by a file": lambda s: _replaced_by_file(_folder(s)),
    "a file of a version emptied": lambda s: (_folder(s) / _MODEL).write_text(""),
    "a file of a version deleted": lambda s: (_folder(s) / _MODEL).unlink(),
    "a file of a version replaced by a link": lambda s: _replaced_by_link(_folder(s) / _MODEL),
    "a file too many in a version": lambda s: (_folder(s) / "more").write_text("?"),
    "other bytes of the same size": lambda s: (_folder(s) / _MODEL).write_bytes(_SECOND[::-1]),
    "the version kept for rollback deleted": lambda s: shutil.rmtree(_folder(s, 1)),
}
_SECONDS = 90


@pytest.mark.parametrize("drift", _DRIFTS)
def test_whatever_is_changed_heals_and_what_the_server_has_loaded_answers_on(
    sidecar: HandSidecar, drift: str, logged: LogLines
) -> None:
    _DRIFTS[drift](sidecar)
    # a server lets go of what it does not find listed, or in the folder of its model
    answers_on = drift not in {
        "config.json lists nothing",
        "a version's folder replaced by a file",
    }
    for _ in range(_SECONDS):
        sidecar.pass_time(1)
        assert sidecar.answering("cars") == {_SECOND} or not answers_on
        assert sidecar.answering("dogs") == {_DOGS} or not answers_on
    assert (sidecar.answering("cars"), sidecar.answering("dogs")) == ({_SECOND}, {_DOGS})
    assert (_folder(sidecar) / _MODEL).read_bytes() == _SECOND
    assert [path.name for path in _folder(sidecar).iterdir()] == [_MODEL]
    assert sidecar.volume.load_state() == sidecar.state
    assert sidecar.state.model("cars").configured == (2,)
    states = {entry["state"] for entry in sidecar.posted.document["models"]["cars"]["versions"]}
    assert states == {"serving", "previous"}
    if drift != "a file in staging":  # of which nobody has to be told
        told = sidecar.posted.document["mended"]
        assert told, "the status does not say it"
        assert [line["what"] for line in logged.of("drift_mended")] == [entry["what"] for entry in told]
        counted = sidecar.metrics.drift_mended.labels(what=told[-1]["what"])
        assert counted._value.get() >= 1
    sidecar.start()
    sidecar.pass_time(20)
    assert sidecar.answering("cars") == {_SECOND}, "a restart made it worse"
    sidecar.store.put("cars/3/model.onnx", b"good 3")
    sidecar.pass_time(30)
    assert sidecar.answering("cars") == {b"good 3"}


def test_nothing_is_told_and_nothing_written_while_nobody_changes_anything(
    sidecar: HandSidecar, logged: LogLines
) -> None:
    sidecar.pass_time(60)
    before = {path: path.stat().st_mtime_ns for path in sidecar.volume.root.rglob("*") if path.is_file()}
    logged.lines.clear()
    sidecar.pass_time(120)
    after = {path: path.stat().st_mtime_ns for path in sidecar.volume.root.rglob("*") if path.is_file()}
    assert after == before
    assert (logged.of("drift_mended"), sidecar.posted.document["mended"]) == ([], [])


def test_a_flipped_bit_is_found_by_the_daily_pass(sidecar: HandSidecar) -> None:
    sidecar.pass_time(FIRST_PASS_AFTER)
    _flip(_folder(sidecar) / _MODEL, _SECOND[::-1])
    sidecar.pass_time(30)
    assert (_folder(sidecar) / _MODEL).read_bytes() != _SECOND, "nothing cheap shows it"
    sidecar.clock.advance(PASS_EVERY)
    for _ in range(60):
        sidecar.pass_time(1)
        assert sidecar.answering("cars") == {_SECOND}
    assert (_folder(sidecar) / _MODEL).read_bytes() == _SECOND


def test_the_server_failing_on_what_it_had_loaded_is_a_reason_to_look_at_its_bytes(
    sidecar: HandSidecar,
) -> None:
    sidecar.pass_time(FIRST_PASS_AFTER)
    _flip(_folder(sidecar) / _MODEL, _SECOND[::-1])
    sidecar.ovms.states["cars"][2] = VersionState.FAILED
    sidecar.pass_time(60)
    assert (_folder(sidecar) / _MODEL).read_bytes() == _SECOND
    assert sidecar.answering("cars") == {_SECOND}


@pytest.mark.parametrize("again", ["the same object", "another ETag", "deleted first"])
def test_uploading_the_same_bytes_again_mends_what_nothing_else_has_shown(
    sidecar: HandSidecar, again: str
) -> None:
    sidecar.pass_time(FIRST_PASS_AFTER)
    _flip(_folder(sidecar) / _MODEL, _SECOND[::-1])
    if again == "deleted first":
        sidecar.store.remove_folder("cars/2/")
        sidecar.pass_time(5)
    sidecar.store.put("cars/2/model.onnx", _SECOND, etag="in-parts-2" if again == "another ETag" else None)
    for _ in range(90):
        sidecar.pass_time(1)
        assert sidecar.answering("cars") == {_SECOND}
    assert (_folder(sidecar) / _MODEL).read_bytes() == _SECOND


def test_while_the_store_is_away_the_version_kept_for_rollback_stands_in_for_a_folder_that_is_gone(
    sidecar: HandSidecar,
) -> None:
    shutil.rmtree(_folder(sidecar))

    def away(*_: object) -> bytes:
        raise RetryableError("away")

    sidecar.store.on_read = away
    sidecar.pass_time(40)
    assert sidecar.answering("cars") == {_FIRST}
    sidecar.store.on_read = lambda _key, _offset, content: content
    sidecar.pass_time(90)
    assert sidecar.answering("cars") == {_SECOND}


def test_a_card_that_was_changed_is_kept_again(sidecar: HandSidecar) -> None:
    sidecar.store.put("cars/model.yaml", b"schema: 1\ndescription: cars\n")
    sidecar.pass_time(40)
    kept = sidecar.volume.load_card("cars", 2)
    assert kept is not None
    card = sidecar.volume.own / "cards" / "cars@2.json"
    for deleted in (False, True):
        card.unlink() if deleted else card.write_text("junk")
        sidecar.pass_time(40)
        assert sidecar.volume.load_card("cars", 2) == kept
    assert {entry["what"] for entry in sidecar.posted.document["mended"]} == {"card"}


def test_a_file_of_the_name_of_a_model_makes_room_and_who_misses_it_is_told_where_it_is(
    sidecar: HandSidecar,
) -> None:
    (sidecar.volume.root / "vans").write_text("notes")
    sidecar.store.put("vans/1/model.onnx", b"good vans")
    sidecar.pass_time(20)
    assert sidecar.answering("vans") == {b"good vans"}
    aside = sidecar.volume.root / ".vans.moved-aside"
    assert aside.read_text() == "notes"
    (told,) = sidecar.posted.document["mended"]
    assert told["sentence"].endswith(f"it lies at {aside} now")


def test_an_unreadable_folder_of_a_version_is_no_reason_to_stop(
    sidecar: HandSidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:

        def refuse(path: object) -> object:
            raise OSError(5, "Input/output error", str(path))

        patch.setattr(os, "scandir", refuse)
        sidecar.pass_time(40)
    sidecar.pass_time(5)
    assert sidecar.answering("cars") == {_SECOND}
    assert sidecar.state.model("cars").stored[2].trusted, "a disk that is away for a moment damages nothing"


def test_a_record_that_was_never_written_is_none_that_was_lost(tmp_path: Path) -> None:
    made = HandSidecar(tmp_path)
    made.pass_time(10)
    assert made.state == State()
    assert made.posted.document["mended"] == []
