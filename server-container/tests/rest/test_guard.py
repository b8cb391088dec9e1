"""What pages of strangers can have a browser ask of the server."""

import pytest
from edge_common.allowed_hosts import AllowedHosts
from ovms_lite.rest.guard import Guarded
from ovms_lite.wire.http_message import EMPTY, Request, Response


def _status(method: str, headers: dict[bytes, bytes], *, any_origin: bool = False) -> int:
    guarded = Guarded(lambda _request: EMPTY, AllowedHosts(["ui.example"]), any_origin=any_origin)
    answer = guarded(Request(method, "/v1/config/reload", headers, b""))
    assert isinstance(answer, Response)
    return answer.status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({b"host": b"127.0.0.1:8000"}, 200),
        ({}, 200),
        ({b"host": b"evil.example"}, 421),
        ({b"host": b"\xff\xfe.example"}, 421),
        ({b"host": b"server:8000", b"origin": b"http://evil.example"}, 403),
        ({b"host": b"server:8000", b"origin": b"http://ui.example"}, 200),
    ],
)
def test_a_page_that_nobody_allowed_reaches_no_operation(headers: dict[bytes, bytes], status: int) -> None:
    assert _status("POST", headers) == status


def test_with_any_origin_allowed_all_pages_may_ask_under_names_of_the_server() -> None:
    elsewhere = {b"host": b"server", b"origin": b"http://elsewhere.example"}

    assert _status("POST", elsewhere, any_origin=True) == 200
    assert _status("POST", {b"host": b"evil.example"}, any_origin=True) == 421
