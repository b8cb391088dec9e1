import pytest
from car_client.watching import rejections
from car_client.watching.rejections import Rejections
from collected_logs import LogLines
from edge_common.pictures.decode import NotAPictureError


def _cut_off(name: str, missing: int) -> NotAPictureError:
    return NotAPictureError(f"{name} is incomplete or damaged ({missing} bytes missing); send the whole file")


def _told(logged: LogLines) -> list[object]:
    return [line["image"] for line in logged.of("picture_rejected")]


def test_an_address_that_gives_another_broken_picture_each_time_is_told_once_a_kind(logged: LogLines) -> None:
    told = Rejections()
    for missing in range(5):
        told.tell("http://gate (1)/a", _cut_off("http://gate (1)/a", missing))
        told.tell("http://gate (1)/a", NotAPictureError("http://gate (1)/a is not a picture"))
        told.tell("b", _cut_off("b", missing))
    assert _told(logged) == ["http://gate (1)/a", "http://gate (1)/a", "b"]


def test_after_a_good_picture_it_is_told_again(logged: LogLines) -> None:
    told = Rejections()
    told.tell("a", _cut_off("a", 1))
    told.is_good("a")
    told.is_good("never seen")
    told.tell("a", _cut_off("a", 1))
    assert _told(logged) == ["a", "a"]


def test_what_is_remembered_has_a_bound(logged: LogLines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejections, "_MOST_NAMES", 2)
    told = Rejections()
    for name in ("a", "b", "c", "c", "a"):
        told.tell(name, _cut_off(name, 1))
    assert _told(logged) == ["a", "b", "c", "a"]
