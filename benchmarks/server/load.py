"""Load on an HTTP server by wrk."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Self

from bodies import Body

SCRIPT = Path(__file__).with_name("infer_request.lua")
CONNECTIONS = (1, 4, 16)
_TIMEOUT = "30s"
"""wrk counts a slower answer as failed; its default of 2 s is what slow servers need for 16 JSON bodies."""


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk measured: `rate` in requests a second, latencies in milliseconds."""

    rate: float
    p50_ms: float
    p99_ms: float
    failed: int

    @classmethod
    def median(cls, loads: Sequence[Self]) -> Self:
        """The median of each figure; failures are added up."""
        return cls(
            median(load.rate for load in loads),
            median(load.p50_ms for load in loads),
            median(load.p99_ms for load in loads),
            sum(load.failed for load in loads),
        )


def put_load(url: str, body: Body, *, connections: int, seconds: float) -> Load:
    """Send `body` over `connections` connections for `seconds`, at least one; an answer must be a 2xx."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise SystemExit("wrk is not installed; on Debian: apt-get install wrk")
    with tempfile.NamedTemporaryFile() as file:
        file.write(body.content)
        file.flush()
        threads = "1" if connections == 1 else "2"
        length = f"-d{max(1, round(seconds))}s"
        command = [wrk, f"-t{threads}", f"-c{connections}", length, "--timeout", _TIMEOUT, f"-s{SCRIPT}", url]
        settings: Mapping[str, str] = {"BODY_FILE": file.name, "JSON_LENGTH": str(body.json_length)}
        done = subprocess.run(
            command, env={**os.environ, **settings}, capture_output=True, text=True, check=True
        )
    result = json.loads(done.stdout.splitlines()[-1])
    rate = result["requests"] / result["seconds"]
    return Load(rate, result["p50_ms"], result["p99_ms"], result["failed"])
