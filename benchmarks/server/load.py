"""Load on an HTTP server by wrk, and the requests it sends."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SCRIPT = Path(__file__).with_name("binary_request.lua")


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk measured: `rate` in requests a second, latencies in milliseconds."""

    rate: float
    p50_ms: float
    p99_ms: float
    failed: int


@dataclass(frozen=True, slots=True)
class Body:
    """A KServe request: JSON of `json_length` bytes, then the raw tensor."""

    content: bytes
    json_length: int


def binary_body(name: str, shape: Sequence[int], datatype: str, dtype: np.dtype[np.generic]) -> Body:
    """A request with one random tensor, which also asks for a binary answer."""
    values = np.random.default_rng(0).random(shape) * (255 if dtype.kind == "u" else 1)
    tensor = values.astype(dtype).tobytes()
    size = {"binary_data_size": len(tensor)}
    document = {
        "inputs": [{"name": name, "shape": list(shape), "datatype": datatype, "parameters": size}],
        "parameters": {"binary_data_output": True},
    }
    head = json.dumps(document).encode()
    return Body(head + tensor, len(head))


def put_load(url: str, body: Body, *, connections: int, seconds: float) -> Load:
    """Send `body` over `connections` connections for `seconds`; every answer must be a 2xx."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise SystemExit("wrk is not installed; on Debian: apt-get install wrk")
    with tempfile.NamedTemporaryFile() as file:
        file.write(body.content)
        file.flush()
        threads = "1" if connections == 1 else "2"
        command = [
            wrk,
            f"-t{threads}",
            f"-c{connections}",
            f"-d{max(1, round(seconds))}s",
            f"-s{SCRIPT}",
            url,
        ]
        settings: Mapping[str, str] = {"BODY_FILE": file.name, "JSON_LENGTH": str(body.json_length)}
        done = subprocess.run(
            command, env={**os.environ, **settings}, capture_output=True, text=True, check=True
        )
    result = json.loads(done.stdout.splitlines()[-1])
    rate = result["requests"] / result["seconds"]
    return Load(rate, result["p50_ms"], result["p99_ms"], result["failed"])
