"""`ovms-lite` in a process of its own, over a repository that tests change while it runs."""

import socket
import sys
import urllib.request
from pathlib import Path
from typing import Self

from eventually import wait_until
from image_models import write_config
from warm_programs import WarmProgram, start_warm

PROGRAMS = Path(sys.executable).parent


def free_port() -> int:
    """A port that nothing listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ModelServer:
    """May be ended and started again on the same port."""

    def __init__(self, repository: Path, *flags: str) -> None:
        self.repository = repository
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._flags = flags
        self._process: WarmProgram | None = None

    def start(self) -> Self:
        with (self.repository / "server.log").open("ab") as log:
            self._process = start_warm(
                [
                    PROGRAMS / "ovms-lite",
                    *("--config_path", self.repository / "config.json", "--rest_port", str(self.port)),
                    *("--rest_bind_address", "127.0.0.1", "--file_system_poll_wait_seconds", "0"),
                    *self._flags,
                ],
                stdout=log,
                stderr=log,
            )
        wait_until(self.is_ready, within=60)
        return self

    def is_ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"the server ended: {(self.repository / 'server.log').read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(f"{self.url}/v2/health/ready", timeout=2) as answer:  # noqa: S310 - our own address
                return bool(answer.status == 200)
        except OSError:
            return False

    def serve(self, **versions: list[int]) -> None:
        """Serve exactly these versions, and return when the server does."""
        write_config(self.repository, versions)
        request = urllib.request.Request(f"{self.url}/v1/config/reload", method="POST", data=b"")  # noqa: S310 - our own address
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own address
            assert answer.status == 200

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=20)
