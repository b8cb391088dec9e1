"""`model-sync push --wait` against a sidecar and a server that run."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from unittest.mock import patch

import pytest
import requests
from edge_common.errors import EdgeError
from eventually import wait_until
from model_sync.cli import app
from s3_server import S3Server
from sidecar_process import SidecarProcess, run_command
from sync_models import write_onnx
from typer.testing import CliRunner

_TOKEN = "a secret of an operator"
_SUPPORT = Path(__file__).parents[3] / "tests" / "support"


@contextmanager
def _model_server(volume: Path, port: int) -> Iterator[None]:
    """States without models, quick to start."""
    arguments = [str(port), str(volume / "config.json"), str(volume.parent / "deaths"), "child"]
    server = Popen([sys.executable, str(_SUPPORT / "stub_server.py"), *arguments])
    try:
        yield
    finally:
        server.kill()
        server.wait()


@dataclass(frozen=True)
class Platform:
    """Where to push to, and where to ask."""

    environment: dict[str, str]
    url: str

    def push(self, folder: Path, version: str, *arguments: str) -> tuple[int, str, str]:
        """Exit code, output and last line of the errors."""
        target = ["--model", "cars", "--version", version, "--wait", "--status-url", self.url, "--json"]
        done = run_command(self.environment, "push", folder, *target, *arguments)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout, (done.stderr.splitlines() or [""])[-1]

    def operate(self, *arguments: str, token: str = "", exit_code: int = 0) -> str:
        """One of the operator's commands, in this process; gives its output, or its error."""
        environment = {**self.environment, "MODEL_SYNC_API_TOKEN": token, "MODEL_SYNC_STATUS_URL": self.url}
        with patch("edge_common.logs.configure_logging"):  # else other threads log into its streams later
            done = CliRunner().invoke(app, arguments, env=environment)
        code = done.exception.exit_code if isinstance(done.exception, EdgeError) else done.exit_code
        assert code == exit_code, (done.output, done.exception)
        return done.stdout if not exit_code else str(done.exception)


@pytest.fixture(scope="module")
def platform(s3: S3Server, tmp_path_factory: pytest.TempPathFactory, free_port: int) -> Iterator[Platform]:
    """One for all tests of this module; each pushes a version of its own."""
    root = tmp_path_factory.mktemp("platform")
    volume = root / "models"
    volume.mkdir()
    environment = s3.environment(s3.new_bucket())
    settings = {
        **environment,
        "MODEL_SYNC_MODELS_DIR": str(volume),
        "MODEL_SYNC_OVMS_URL": f"http://127.0.0.1:{free_port}",
        "MODEL_SYNC_PREFLIGHT": "on",
        "MODEL_SYNC_API_TOKEN": _TOKEN,
    }
    with SidecarProcess(settings, root / "log") as sidecar, _model_server(volume, free_port):
        url = sidecar.url
        wait_until(
            lambda: requests.get(f"{url}/v1/status", timeout=5).json().get("server", {}).get("reachable")
        )
        yield Platform(environment, url)


def test_it_returns_when_the_version_is_served(platform: Platform, tmp_path: Path) -> None:
    code, output, errors = platform.push(write_onnx(tmp_path / "m"), "1")
    assert code == 0, errors
    told = json.loads(output)
    assert (told["model"], told["version"], told["files"]) == ("cars", "1", 1)
    assert told["served_after_s"] > 0
    versions = requests.get(f"{platform.url}/v1/status", timeout=5).json()["models"]["cars"]["versions"]
    entry = next(entry for entry in versions if entry["source"] == "1")
    assert (entry["state"], entry["digest"]) == ("serving", told["digest"])


def test_a_rejected_version_is_the_sidecars_sentence_and_65(platform: Platform, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "model.onnx").write_bytes(b"no model")
    code, output, errors = platform.push(tmp_path / "m", "2")
    assert (code, output) == (65, "")
    assert errors.startswith("model-sync: cars version 2 is rejected: OpenVINO cannot load it")


def test_the_new_upload_of_a_rejected_version_is_waited_for_not_its_old_rejection(
    platform: Platform, tmp_path: Path
) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "model.onnx").write_bytes(b"no model, either")
    assert platform.push(tmp_path / "m", "3")[0] == 65
    code, _, errors = platform.push(write_onnx(tmp_path / "good"), "3")
    assert code == 0, errors


def test_waiting_ends_with_what_was_seen_last_and_75(platform: Platform, tmp_path: Path) -> None:
    code, _, errors = platform.push(write_onnx(tmp_path / "m"), "4", "--timeout", "0")
    assert code == 75
    assert errors == "model-sync: cars version 4 is not served after 0 ms; last: not seen in the bucket"


def test_a_sidecar_that_does_not_answer_is_told_and_78(platform: Platform, tmp_path: Path) -> None:
    code, _, errors = platform.push(write_onnx(tmp_path / "m"), "5", "--status-url", "http://127.0.0.1:9")
    assert code == 78
    assert "the sidecar does not answer at http://127.0.0.1:9" in errors
    assert "give its address with --status-url" in errors


def test_an_operator_steps_back_and_forth_and_the_history_tells_who(
    platform: Platform, tmp_path: Path
) -> None:
    folder = write_onnx(tmp_path / "m")
    for version in ("6", "7"):
        assert platform.push(folder, version)[0] == 0
    told = json.loads(platform.operate("rollback", "cars", "--reason", "7 is bad", "--by", "Anna", "--json"))
    assert (told["pin"]["version"], told["pin"]["by"]) == ("6", "Anna")
    status = platform.operate("status", "cars")
    assert "pinned to 6 by Anna, because 7 is bad; 7 is newer" in status
    assert "no version 9" not in status
    assert "9 is neither in the bucket" in platform.operate("pin", "cars", "9", "--by", "Ben", exit_code=65)
    unpin = ("unpin", "cars", "--by", "Ben", "--reason", "7 was right")
    assert platform.operate(*unpin, token=_TOKEN) == "cars is no longer pinned\n"
    assert platform.operate("unpin", "cars") == "cars was not pinned\n"
    assert "the reason is not kept" in platform.operate(*unpin)
    history = platform.operate("history", "cars")
    lines = [line.split("  ", 1)[1] for line in history.splitlines()]
    back = lines.index("pinned cars 6 by Anna: 7 is bad")
    assert lines[back + 1].startswith("rolled back cars 6: pinned to 6 by Anna")
    assert any(line.startswith("unpinned cars") and line.endswith("by Ben: 7 was right") for line in lines)
    serves = platform.operate("retry", "cars", "7", "--by", "Anna", token=_TOKEN, exit_code=65)
    assert serves.endswith("; there is nothing to try again")
    assert "set MODEL_SYNC_API_TOKEN" not in platform.operate("release", "cars", token=_TOKEN)
    assert "Bearer" in platform.operate("release", "cars", exit_code=78)
    [facts] = json.loads(platform.operate("facts", "cars", "--version", "7"))["components"]
    assert (facts["version"], len(facts["hashes"][0]["content"])) == ("7", 64)
    assert "no model 'dogs' is known" in platform.operate("status", "dogs", exit_code=65)
