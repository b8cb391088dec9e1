"""`model-sync` as a real process, with a volume of its own."""

import os
import re
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from eventually import wait_until
from warm_programs import run_warm, start_warm

_QUICK = {
    "MODEL_SYNC_HTTP_PORT": "0",
    "MODEL_SYNC_POLL_INTERVAL": "200ms",
    "MODEL_SYNC_EVENTS": "off",
    "MODEL_SYNC_PREFLIGHT": "off",
    "MODEL_SYNC_LOG_FORMAT": "json",
}


def run_command(environment: dict[str, str], *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command of `model-sync` to its end."""
    return run_warm(["model-sync", *arguments], env={**os.environ, **environment})


class SidecarProcess:
    """`model-sync run`, from entering the context until it ends by itself or is killed on leaving."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self._environment = {**os.environ, **_QUICK, **environment}
        self._log = log

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = start_warm(["model-sync", "run"], env=self._environment, stderr=log, stdout=log)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def log(self) -> str:
        """What it has logged so far."""
        return self._log.read_text()

    @property
    def url(self) -> str:
        """Address of its HTTP interface; waits until it listens."""
        wait_until(lambda: '"http_listening"' in self.log or self._process.poll() is not None)
        found = re.search(r'"http_listening"[^\n]*"port":\s*(\d+)', self.log)
        assert found is not None, self.log
        return f"http://127.0.0.1:{found[1]}"

    def terminate(self, *, within: float) -> int:
        """SIGTERM; returns the exit code, or raises when it has not ended `within` seconds."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(within)

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self._process.wait()
