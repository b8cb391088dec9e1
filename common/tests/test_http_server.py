import threading
import urllib.error
import urllib.request
from http.client import HTTPConnection

import pytest
from edge_common.errors import FatalError
from edge_common.http_server import ThreadedHttpServer, metrics_route
from prometheus_client import CollectorRegistry, Counter
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route


def _get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return str(answer.read().decode())


def _hello(_request: object) -> Response:
    return PlainTextResponse("hello")


_APP = Starlette(routes=[Route("/hello", _hello)])


def test_requests_are_answered_from_entering_until_leaving() -> None:
    with ThreadedHttpServer(_APP, host="127.0.0.1", port=0) as server:
        assert server.port > 0
        assert _get(server.port, "/hello") == "hello"
    with pytest.raises(urllib.error.URLError):
        _get(server.port, "/hello")
    assert not any(thread.name == "http" for thread in threading.enumerate())


def _status(port: int, method: str, **headers: str) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request(method, "/hello", headers=headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_public_names_and_pages_of_other_hosts_are_refused_unless_allowed() -> None:
    with ThreadedHttpServer(_APP, host="127.0.0.1", port=0, allowed_hosts=["cars.example"]) as server:
        assert _status(server.port, "GET", Host="cars.example") == 200
        assert _status(server.port, "GET", Host="evil.example:80") == 421
        assert _status(server.port, "POST", Origin="http://evil.example") == 403
        assert _status(server.port, "POST", Origin=f"http://127.0.0.1:{server.port}") == 405


def test_a_taken_port_is_told_with_its_number() -> None:
    with (
        ThreadedHttpServer(_APP, host="127.0.0.1", port=0) as first,
        pytest.raises(FatalError, match=rf"cannot listen on 127\.0\.0\.1:{first.port}"),
        ThreadedHttpServer(_APP, host="127.0.0.1", port=first.port),
    ):
        pass


def test_metrics_are_in_the_prometheus_text_format() -> None:
    registry = CollectorRegistry()
    Counter("pictures", "Pictures seen.", registry=registry).inc(3)
    app = Starlette(routes=[metrics_route(registry)])
    with ThreadedHttpServer(app, host="127.0.0.1", port=0) as server:
        assert "pictures_total 3.0" in _get(server.port, "/metrics")
