"""What the pods on one volume tell each other."""

import errno
import os
import shutil
from pathlib import Path

import pytest
from edge_common.served_state import VersionState
from model_sync.model_server.replicas import Replicas

A, L = VersionState.AVAILABLE, VersionState.LOADING


def test_pods_see_each_other_and_not_themselves(tmp_path: Path) -> None:
    one, two = Replicas(tmp_path / "replicas", "one"), Replicas(tmp_path / "replicas", "two")
    one.report({"m": {1: A}}, 0.0)
    two.report({"m": {1: L}}, 0.0)
    assert one.others() == {"two": {"m": {1: L}}}
    assert two.others() == {"one": {"m": {1: A}}}


def test_a_pod_whose_server_is_away_holds_nobody_up(tmp_path: Path) -> None:
    one, two = Replicas(tmp_path / "replicas", "one"), Replicas(tmp_path / "replicas", "two")
    two.report({"m": {1: L}}, 0.0)
    two.report(None, 1.0)
    assert one.others() == {}


def test_a_pod_that_stopped_telling_is_gone(tmp_path: Path) -> None:
    one, two = Replicas(tmp_path / "replicas", "one"), Replicas(tmp_path / "replicas", "two")
    one.report({}, 0.0)
    two.report({"m": {1: L}}, 0.0)
    file = tmp_path / "replicas" / "two.json"
    old = file.stat().st_mtime - 60
    os.utime(file, (old, old))
    assert one.others() == {}


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"m": 1}', b'{"m": {"1": "ODD"}}', b"\xff"])
def test_a_report_that_is_none_is_passed_over(content: bytes, tmp_path: Path) -> None:
    one = Replicas(tmp_path / "replicas", "one")
    one.report({}, 0.0)
    (tmp_path / "replicas" / "odd.json").write_bytes(content)
    assert one.others() == {}


def test_an_unchanged_report_is_renewed_before_it_counts_as_old(tmp_path: Path) -> None:
    pod, other = Replicas(tmp_path / "replicas", "one"), Replicas(tmp_path / "replicas", "two")
    path = tmp_path / "replicas" / "one.json"
    pod.report({"m": {1: A}}, 0.0)
    os.utime(path, (0, 0))
    pod.report({"m": {1: A}}, 1.0)
    assert other.others() == {}
    pod.report({"m": {1: A}}, 5.0)
    assert other.others() == {"one": {"m": {1: A}}}
    path.unlink()
    pod.report({"m": {1: A}}, 10.0)
    assert other.others() == {"one": {"m": {1: A}}}


def test_a_report_is_written_again_where_nobody_may_set_dates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    pod, other = Replicas(tmp_path / "replicas", "one"), Replicas(tmp_path / "replicas", "two")
    pod.report({"m": {1: A}}, 0.0)
    os.utime(tmp_path / "replicas" / "one.json", (0, 0))
    monkeypatch.setattr(os, "utime", refuse)
    pod.report({"m": {1: A}}, 5.0)
    assert other.others() == {"one": {"m": {1: A}}}


@pytest.mark.parametrize("seconds", [60, 3600, 10 * 365 * 86400])
def test_a_report_that_is_dated_into_the_future_is_not_believed(tmp_path: Path, seconds: int) -> None:
    one, two = Replicas(tmp_path / "replicas", "one"), Replicas(tmp_path / "replicas", "two")
    one.report({}, 0.0)
    two.report({"m": {1: L}}, 0.0)
    file = tmp_path / "replicas" / "two.json"
    later = file.stat().st_mtime + seconds
    os.utime(file, (later, later))
    assert one.others() == {}


def test_what_is_no_plain_file_is_no_report_and_holds_nobody_up(tmp_path: Path) -> None:
    one = Replicas(tmp_path / "replicas", "one")
    one.report({}, 0.0)
    os.mkfifo(tmp_path / "replicas" / "pipe.json")
    (tmp_path / "replicas" / "folder.json").mkdir()
    assert one.others() == {}


def test_a_report_that_somebody_wrote_over_is_written_again(tmp_path: Path) -> None:
    pod, other = Replicas(tmp_path / "replicas", "one"), Replicas(tmp_path / "replicas", "two")
    pod.report({"m": {1: A}}, 0.0)
    (tmp_path / "replicas" / "one.json").write_text("notes")
    pod.report({"m": {1: A}}, 5.0)
    assert other.others() == {"one": {"m": {1: A}}}


def test_a_report_is_written_again_when_the_whole_folder_was_taken_away(tmp_path: Path) -> None:
    pod, other = Replicas(tmp_path / "replicas", "one"), Replicas(tmp_path / "replicas", "two")
    pod.report({"m": {1: A}}, 0.0)
    shutil.rmtree(tmp_path / "replicas")
    pod.report({"m": {1: A}}, 5.0)
    assert other.others() == {"one": {"m": {1: A}}}


def test_a_file_in_place_of_the_folder_is_moved_aside(tmp_path: Path) -> None:
    (tmp_path / "replicas").write_text("notes")
    Replicas(tmp_path / "replicas", "one").report({"m": {1: A}}, 0.0)
    assert (tmp_path / ".replicas.moved-aside").read_text() == "notes"


def test_dates_come_from_opened_files_because_a_network_file_system_caches_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NFS may answer lstat from its cache for up to a minute; what is opened is as it is now."""
    one, two = Replicas(tmp_path / "replicas", "one"), Replicas(tmp_path / "replicas", "two")
    two.report({"m": {1: A}}, 0.0)
    file = tmp_path / "replicas" / "two.json"
    now = file.stat().st_mtime
    os.utime(file, (now - 60, now - 60))
    cached = file.lstat()
    monkeypatch.setattr(Path, "lstat", lambda _path: cached)
    os.utime(file)
    assert one.others() == {"two": {"m": {1: A}}}
    assert not one.somebody_is_silent()


def test_who_renews_its_report_changes_the_folder_so_that_it_sees_newcomers(tmp_path: Path) -> None:
    one = Replicas(tmp_path / "replicas", "one")
    one.report({"m": {1: A}}, 0.0)
    os.utime(tmp_path / "replicas", (0, 0))
    one.report({"m": {1: A}}, 5.0)
    assert (tmp_path / "replicas").stat().st_mtime > 0
    assert [path.name for path in (tmp_path / "replicas").iterdir()] == ["one.json"]


def test_a_note_is_taken_once_whoever_left_it(tmp_path: Path) -> None:
    writer, one, two = (Replicas(tmp_path / "replicas", name) for name in ("writer", "one", "two"))
    assert not writer.take_notes()
    one.ask_for_listing()
    one.ask_for_listing()
    two.ask_for_listing()
    assert [writer.take_notes(), writer.take_notes()] == [True, False]
    assert list((tmp_path / "replicas").iterdir()) == []


def test_a_note_is_no_report(tmp_path: Path) -> None:
    one, two = Replicas(tmp_path / "replicas", "one"), Replicas(tmp_path / "replicas", "two")
    two.ask_for_listing()
    assert one.others() == {}
    assert not one.somebody_is_silent()
