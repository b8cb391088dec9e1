"""A small camera: still pictures and an MJPEG stream over HTTP, which may be cut off."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

Answer = Callable[[BaseHTTPRequestHandler], None]


class PictureServer:
    """`/still` answers with `picture`; `/stream` repeats it until `cut` is set; nothing while `away`.

    `answers` of a path go before that.
    """

    def __init__(self, picture: bytes) -> None:
        self.picture = picture
        self.away = False
        self.cut = threading.Event()
        self.streams = 0
        self.frames = 0
        self.answers: dict[str, Answer] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut.set()
        self._server.shutdown()
        self._server.server_close()


def _handler_for(camera: PictureServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_arguments: Any) -> None:
            pass

        def do_GET(self) -> None:
            answer = camera.answers.get(self.path)
            if answer is not None:
                answer(self)
            elif camera.away:
                self.send_error(503)
            elif self.path == "/stream":
                self._stream()
            else:
                self.send_response(200)
                self.send_header("Content-Type", "image/jpeg")
                self.send_header("Content-Length", str(len(camera.picture)))
                self.end_headers()
                self.wfile.write(camera.picture)

        def _stream(self) -> None:
            camera.streams += 1
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            while not camera.cut.wait(0.02):
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(camera.picture)}\r\n\r\n"
                try:
                    self.wfile.write(head.encode() + camera.picture + b"\r\n")
                except OSError:
                    return
                camera.frames += 1

    return Handler


def refused(status: int, **headers: str) -> Answer:
    """An answer of `status` without a body."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def dripping(handler: BaseHTTPRequestHandler) -> None:
    """A byte now and then, without an end."""
    handler.send_response(200)
    handler.send_header("Content-Length", "30000")
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b"x")
            threading.Event().wait(0.02)
    except OSError:
        return


def answering(content: bytes, **headers: str) -> Answer:
    """`content` with its length and with `headers`, whose names have underscores."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        for name, value in {**headers, "Content_Length": str(len(content))}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(content)

    return answer
