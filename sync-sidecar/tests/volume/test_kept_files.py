import json
from pathlib import Path

import pytest
from model_sync.volume.kept_files import Handed, HandedOver

PIN = Handed("pin", "m", {"version": 1, "reason": "2 is bad"}, "Anna", 1000.0)


def test_what_one_pod_was_asked_another_takes_once_and_in_order(tmp_path: Path) -> None:
    one, two = HandedOver(tmp_path / "replicas", "one"), HandedOver(tmp_path / "replicas", "two")
    assert list(two.take(1000.0)) == []
    later = Handed("release", "", {}, "Ben", 1001.0)
    one.put(later)
    one.put(PIN)
    assert list(two.take(1002.0)) == [PIN, later]
    assert list(two.take(1002.0)) == []


def test_what_is_late_is_not_done_any_more(tmp_path: Path) -> None:
    pods = HandedOver(tmp_path, "one")
    pods.put(PIN)
    assert list(pods.take(2000.0)) == []
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"[]", b"x" * 20_000, json.dumps({"change": "format"}).encode()])
def test_what_no_sidecar_has_written_is_taken_away_unread(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "odd.ask").write_bytes(content)
    (tmp_path / "folder.ask").mkdir()
    (tmp_path / "link.ask").symlink_to("/dev/zero")
    assert list(HandedOver(tmp_path, "one").take(1000.0)) == []
    assert not (tmp_path / "odd.ask").exists()


def test_no_more_than_a_hundred_wait(tmp_path: Path) -> None:
    pods = HandedOver(tmp_path, "one")
    for number in range(100):
        (tmp_path / f"{number}.ask").touch()
    with pytest.raises(OSError, match="too many changes wait"):
        pods.put(PIN)
