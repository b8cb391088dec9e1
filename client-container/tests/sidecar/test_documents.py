"""What is taken of a sidecar's answer, and what is not."""

import pytest
from car_client.errors import ServerFailedError
from car_client.sidecar.documents import Status, read_status
from platform_values import ADDRESS, status, status_body, version


def test_a_status_is_read_and_keys_of_newer_sidecars_are_left_out() -> None:
    read = status({"cars": {"serving": [1], "versions": [version("1", "serving", colour="red")]}}, more=1)
    assert (read.instance, read.models["cars"].versions[0].source) == ("edge-1", "1")


def test_a_sidecar_that_has_not_looked_yet_says_nothing() -> None:
    assert read_status(b"{}", ADDRESS) == Status()


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"<html>", "the answer"),
        (b"[]", "the answer"),
        (status_body({"cars": {"versions": [version("1", "serving", progress=7)]}}), "progress"),
        (status_body({"cars": {"versions": [version("1", "serving", since="yesterday")]}}), "since"),
    ],
    ids=["html", "list", "progress", "time"],
)
def test_what_is_no_status_is_told_with_the_place_and_what_to_do(body: bytes, place: str) -> None:
    with pytest.raises(ServerFailedError, match=place) as raised:
        read_status(body, ADDRESS)
    assert "correct CAR_CLIENT_SIDECAR_URL" in str(raised.value)


def test_text_of_strangers_only_says_something() -> None:
    reason = "\x1b[2Jgone\u202e" + "x" * 10_000
    [told] = status({"a\n": {"versions": [version("1", "rejected", reason=reason)]}}).models.items()
    assert told[0] == "a\\n"
    assert told[1].versions[0].reason.startswith("\\x1b[2Jgone\\u202exxx")
    assert len(told[1].versions[0].reason) < 2100
