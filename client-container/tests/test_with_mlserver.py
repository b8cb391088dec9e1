"""The client against MLServer from PyPI, in an environment of its own (make mlserver)."""

import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from car_client.pipeline.given import classify_given, given_file
from car_client.session import Session
from car_client.settings import Protocol, load_settings
from eventually import wait_until
from made_pictures import COLOURS, jpeg
from real_model_server import free_port

pytestmark = pytest.mark.mlserver

MODEL = Path(__file__).parent / "mlserver_model"
PROGRAM = Path(os.environ.get("MLSERVER_BIN", Path(__file__).parents[2] / ".local/mlserver/bin/mlserver"))


class RunningMlServer:
    def __init__(self, folder: Path) -> None:
        self.http_port, self.grpc_port, metrics_port = free_port(), free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.http_port}"
        settings = {
            "host": "127.0.0.1",
            "http_port": self.http_port,
            "grpc_port": self.grpc_port,
            "metrics_port": metrics_port,
            "parallel_workers": 0,
        }
        model = {
            "name": "colours",
            "implementation": "colours.Colours",
            "parameters": {"version": "3"},
            "inputs": [{"name": "image", "datatype": "UINT8", "shape": [-1, 16, 16, 3]}],
            "outputs": [{"name": "scores", "datatype": "FP32", "shape": [-1, 3]}],
        }
        shutil.copy(MODEL / "colours.py", folder)
        (folder / "settings.json").write_text(json.dumps(settings))
        (folder / "model-settings.json").write_text(json.dumps(model))
        with (folder / "server.log").open("wb") as log:
            self.process = subprocess.Popen([PROGRAM, "start", "."], cwd=folder, stdout=log, stderr=log)
        wait_until(self.is_ready, within=90)

    def is_ready(self) -> bool:
        assert self.process.poll() is None, "MLServer ended; see server.log"
        try:
            with urllib.request.urlopen(f"{self.url}/v2/models/colours/ready", timeout=2) as answer:  # noqa: S310 - our own address
                return bool(answer.status == 200)
        except OSError:
            return False


@pytest.fixture
def mlserver(tmp_path: Path) -> Iterator[RunningMlServer]:
    if not PROGRAM.exists():
        raise AssertionError(f"there is no {PROGRAM}; make it: make mlserver")
    running = RunningMlServer(tmp_path)
    yield running
    running.process.terminate()
    running.process.wait(timeout=20)


@pytest.mark.parametrize("protocol", Protocol)
def test_its_models_are_found_and_classify(
    mlserver: RunningMlServer, tmp_path: Path, protocol: Protocol
) -> None:
    files = [tmp_path / f"{colour}.jpg" for colour in COLOURS]
    for file in files:
        file.write_bytes(jpeg(file.stem))
    settings = load_settings(
        server_url=mlserver.url,
        sidecar_url="none",
        protocol=protocol,
        grpc_address=f"127.0.0.1:{mlserver.grpc_port}",
    )
    session = Session(settings)
    outcome = classify_given(
        [given_file(path) for path in files], session.discovery, session.classifier, limits=session.limits
    )
    outcome.check()
    found = {Path(result.picture).stem: result for result in outcome.results}
    assert {colour: list(COLOURS)[found[colour].verdict.predictions[0].index] for colour in COLOURS} == {
        colour: colour for colour in COLOURS
    }
    assert {(result.model, result.version) for result in outcome.results} == {("colours", 3)}
