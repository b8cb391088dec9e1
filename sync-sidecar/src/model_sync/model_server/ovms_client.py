"""The model server, asked what it really serves.

Only `GET /v1/config` is used: it answers during loads, takes no lock in the server, and never names a version
in a way that could block (measured on OVMS 2026.2.1).
"""

import requests
from edge_common.errors import RetryableError
from edge_common.served_state import ServedModels, parse_served_models

_TIMEOUT = (2.0, 5.0)
"""Seconds to connect and to answer. A handler occupies its I/O thread, so an answer may be late."""


class ModelServer:
    """One model server's REST address."""

    def __init__(self, url: str) -> None:
        """`url` such as http://localhost:8000; nothing is asked yet."""
        self.url = url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False  # the server is this pod's own; a proxy must not be asked

    def served(self) -> ServedModels:
        """Every model and version the server knows, with its state; raises RetryableError when it is away."""
        try:
            answer = self._session.get(f"{self.url}/v1/config", timeout=_TIMEOUT)
        except requests.RequestException as error:
            raise RetryableError(
                f"the model server at {self.url} does not answer ({type(error).__name__}); "
                "start it, or correct MODEL_SYNC_OVMS_URL"
            ) from error
        return parse_served_models(answer.content)
