"""Through a proxy of the test's own, which leads to a store that could not be reached without."""

import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from model_sync.settings import Settings
from model_sync.store.object_store import read_small
from model_sync.store.s3_store import S3Bucket
from s3_server import S3Server

_AWAY = "http://192.0.2.1:9000"
"""An address that belongs to nobody."""


class _Proxy(ThreadingHTTPServer):
    """Passes requests for any host on to `target`."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = target
        self.seen: list[tuple[str, str | None]] = []
        """Host that was asked for, and the login at the proxy."""


class _Handler(BaseHTTPRequestHandler):
    server: _Proxy

    def _pass_on(self) -> None:
        url = urlsplit(self.path)
        assert self.headers.get_all("Host") == [url.netloc], "a store refuses a request with two"
        self.server.seen.append((url.netloc, self.headers.get("Proxy-Authorization")))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        connection = HTTPConnection(self.server.target)
        # moto would look for the bucket in a foreign host's name
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        connection.request(self.command, url._replace(scheme="", netloc="").geturl(), body, headers)
        answer = connection.getresponse()
        content = answer.read()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"connection", "transfer-encoding", "content-length"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        connection.close()

    do_GET = do_PUT = do_HEAD = _pass_on  # noqa: N815 - the names http.server looks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@pytest.fixture
def proxy(s3: S3Server) -> Iterator[_Proxy]:
    server = _Proxy(s3.endpoint.removeprefix("http://"))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def _no_proxies_of_the_developer(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def test_everything_goes_through_the_proxy_of_the_environment(
    proxy: _Proxy, s3_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://user:pass%20word@127.0.0.1:{proxy.server_port}")
    bucket = S3Bucket(s3_settings.model_copy(update={"s3_endpoint": _AWAY}))
    bucket.ensure_exists(create=False)
    bucket.put_small("m/1/a", b"content", "text/plain")
    (listed,) = bucket.list_objects()
    assert read_small(bucket, listed, limit=10) == b"content"
    assert {host for host, _ in proxy.seen} == {"192.0.2.1:9000"}
    assert {login for _, login in proxy.seen} == {"Basic dXNlcjpwYXNzIHdvcmQ="}


def test_a_store_that_no_proxy_excepts_is_asked_directly(
    proxy: _Proxy, s3_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.server_port}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.0/8")
    S3Bucket(s3_settings).ensure_exists(create=False)
    assert proxy.seen == []
