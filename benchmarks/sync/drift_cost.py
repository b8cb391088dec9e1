"""What looking for drift on the volume costs an idle sidecar: processor time of its steps with and without.

    PYTHONPATH=tests/support .venv/bin/python benchmarks/sync/drift_cost.py

The steps are those of the loop five seconds apart, with time moved by hand: they ask a server of this program
over HTTP what it serves, list a bucket in memory, and look at a real volume. Blocks of steps with the looks
and without take turns, so that a busy machine hits both.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from hand_sidecar import HandSidecar
from model_sync.model_server.server_watch import ModelServer, ServerWatch

_MODELS, _FILES = 200, 5
_STEPS_APART = 5.0
_BLOCK, _PAIRS = 24, 20
"""Steps of two simulated minutes; how many pairs of such blocks."""
_SERVER = """
import http.server, sys
body = open(sys.argv[1], "rb").read()
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


def _served(root: Path) -> HandSidecar:
    """A sidecar that has all models served, each of so many small files and with a card."""
    sidecar = HandSidecar(root)
    for number in range(_MODELS):
        folder = f"model-{number:03d}"
        sidecar.store.put(f"{folder}/model.yaml", b"schema: 1\n")
        for file in range(_FILES - 1):
            sidecar.store.put(f"{folder}/1/weights-{file}.bin", b"x")
        sidecar.store.put(f"{folder}/1/model.onnx", b"good")
    sidecar.pass_time(30)
    if len(sidecar.ovms.loaded) != _MODELS:
        raise SystemExit(f"only {len(sidecar.ovms.loaded)} models are served")
    return sidecar


@contextmanager
def _over_http(sidecar: HandSidecar, folder: Path) -> Iterator[None]:
    """The server's answer comes from another process, as it does in a pod."""
    states = ",".join(
        f'"{name}": {{"model_version_status": [{{"version": "{number}", "state": "{state}", '
        '"status": {"error_code": "OK", "error_message": "OK"}}]}'
        for name, versions in sidecar.ovms.states.items()
        for number, state in versions.items()
    )
    (folder / "config").write_text(f"{{{states}}}")
    argv = [sys.executable, "-c", _SERVER, str(folder / "config")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
        port = server.stdout.readline().strip() if server.stdout is not None else ""
        url = f"http://127.0.0.1:{port}"
        sidecar.reconciler.observer.server = ServerWatch(url, ModelServer(url).served)
        yield
        server.terminate()


def _block(sidecar: HandSidecar) -> float:
    """Milliseconds of processor time for each of its steps."""
    before = time.process_time()
    for _ in range(_BLOCK):
        sidecar.clock.advance(_STEPS_APART)
        sidecar.reconciler.step()
    return (time.process_time() - before) / _BLOCK * 1000


def _costs(sidecar: HandSidecar) -> Iterator[tuple[float, float]]:
    """Milliseconds of a step without the looks and with them, for each pair of blocks."""
    drift = sidecar.reconciler.drift
    for _ in range(1 + _PAIRS):
        with patch.object(drift, "put_right", lambda _seen: False):
            without = _block(sidecar)
        yield without, _block(sidecar)


def main() -> None:
    """Print the milliseconds of a step, and what the looks add."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "models"
        root.mkdir()
        sidecar = _served(root)
        with _over_http(sidecar, Path(folder)):
            _, *pairs = _costs(sidecar)  # in the first pair everything is looked at for the first time
        sidecar.reconciler.drift.digests.close()
    without = statistics.median(pair[0] for pair in pairs)
    added = statistics.median(pair[1] - pair[0] for pair in pairs)
    print(
        f"{_MODELS} models of {_FILES} files, a step every {_STEPS_APART:g} s, {_PAIRS} x {_BLOCK} steps each"
    )
    print(f"a step takes {without:.2f} ms; the looks add {added:.2f} ms, {100 * added / without:.1f} %")


if __name__ == "__main__":
    main()
