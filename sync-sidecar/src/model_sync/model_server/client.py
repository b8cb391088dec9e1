"""The model server, asked what it really serves.

Only `GET /v1/config` is used: it answers during loads, takes no lock in the server, and never names a version
in a way that could block (measured on OVMS 2026.2.1).
"""

import urllib3
from edge_common.errors import RetryableError
from edge_common.served_state import ServedModels, parse_served_models
from urllib3.exceptions import HTTPError

_TIMEOUT = urllib3.Timeout(connect=2.0, read=5.0)
"""Seconds. A handler occupies its I/O thread, so an answer may be late."""


class ModelServer:
    """One model server's REST address."""

    def __init__(self, url: str) -> None:
        """`url` such as http://localhost:8000; nothing is asked yet."""
        self.url = url.rstrip("/")
        self._pool = urllib3.PoolManager(retries=False)  # knows no proxies; they must not be asked
        self._last: tuple[bytes, ServedModels] | None = None

    def served(self) -> ServedModels:
        """Every model and version the server knows, with its state; raises RetryableError when it is away."""
        try:
            answer = self._pool.request("GET", f"{self.url}/v1/config", timeout=_TIMEOUT)
        except HTTPError as error:
            raise RetryableError(
                f"the model server at {self.url} does not answer ({type(error).__name__}); "
                "start it, or correct MODEL_SYNC_OVMS_URL"
            ) from error
        if self._last is None or self._last[0] != answer.data:  # hundreds of models mostly say the same again
            self._last = answer.data, parse_served_models(answer.data)
        return self._last[1]
