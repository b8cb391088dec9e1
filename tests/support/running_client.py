"""`car-client serve` in a process of its own, as a pod runs it."""

import json
import signal
from pathlib import Path
from typing import Any

from eventually import wait_until
from real_model_server import PROGRAMS, free_port
from warm_programs import WarmProgram, start_warm


class RunningClient:
    """May be ended and started again on the same port."""

    def __init__(self, server_url: str, log: Path, *sources: str | Path) -> None:
        """`sources` are watched."""
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._server_url = server_url
        self._log = log
        self._sources = sources
        self._process: WarmProgram | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            before = self._log.stat().st_size
            self._process = start_warm(
                [
                    *(PROGRAMS / "car-client", "serve", "--host", "127.0.0.1", "--port", str(self.port)),
                    *("--server-url", self._server_url, "--sidecar-url", "none", "--interval", "200ms"),
                    *("--history", self._log.with_suffix(".sqlite"), *self._sources),
                ],
                stdout=log,
                stderr=log,
            )
        wait_until(lambda: any(line["event"] == "http_listening" for line in self._lines(before)), within=60)

    def stop(self) -> int:
        """End it with SIGTERM; returns the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout=20)

    def _lines(self, start: int) -> list[dict[str, Any]]:
        assert self._process is not None
        text = self._log.read_bytes()[start:].decode()
        assert self._process.poll() is None, f"the client ended: {text[-2000:]}"
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
