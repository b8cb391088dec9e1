"""The real command, as a process."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from s3_server import S3Server

_AWAY = {
    "MODEL_SYNC_S3_ENDPOINT": "http://127.0.0.1:9",
    "MODEL_SYNC_S3_REGION": "us-east-1",
    "MODEL_SYNC_S3_ACCESS_KEY": "key",
    "MODEL_SYNC_S3_SECRET_KEY": "secret",
}


def _run(environment: dict[str, str], *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", "from model_sync.cli import main; main()", *arguments],
        env={**os.environ, "MODEL_SYNC_LOG_LEVEL": "ERROR", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("environment", "code", "sentence"),
    [
        ({"MODEL_SYNC_BUKET": "x"}, 78, "unknown setting MODEL_SYNC_BUKET; did you mean MODEL_SYNC_BUCKET?"),
        ({"MODEL_SYNC_SETTLE": "soon"}, 78, "MODEL_SYNC_SETTLE: 'soon' is not a duration"),
        ({"MODEL_SYNC_MODELS_DIR": "/not/there"}, 78, "the models folder /not/there does not exist"),
        (_AWAY, 75, "cannot list the bucket 'ml-models' at http://127.0.0.1:9"),
    ],
)
def test_what_stands_in_the_way_is_one_sentence_and_an_exit_code(
    environment: dict[str, str], code: int, sentence: str, tmp_path: Path
) -> None:
    returned, told = _run({"MODEL_SYNC_MODELS_DIR": str(tmp_path), **environment}, "once")
    assert returned == code, told
    assert told.splitlines()[-1].startswith("model-sync: ")
    assert sentence in told


def test_a_missing_bucket_is_one_sentence(s3: S3Server, tmp_path: Path) -> None:
    environment = {**s3.environment("no-such-bucket"), "MODEL_SYNC_MODELS_DIR": str(tmp_path)}
    returned, told = _run(environment, "once")
    assert returned == 78, told
    assert "the bucket 'no-such-bucket' does not exist" in told


def _output(*arguments: str) -> tuple[str, str]:
    command = [sys.executable, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout, done.stderr


def test_the_version_is_that_of_the_distribution() -> None:
    told, _ = _output("-c", "from model_sync.cli import main; main()", "--version")
    assert told == f"model-sync {version('edgeai-cars-model-sync')}\n"


def test_help_imports_nothing_that_only_commands_need() -> None:
    program = "import sys; sys.argv = ['model-sync', '--help']; from model_sync.cli import main; main()"
    told, imported = _output("-X", "importtime", "-c", program)
    assert "doctor" in told
    heavy = {"minio", "openvino", "onnx", "pydantic", "prometheus_client", "starlette", "rich"}
    loaded = {line.rpartition("|")[2].strip() for line in imported.splitlines()}
    assert not heavy & loaded


def test_the_doctor_fails_for_a_store_that_is_away_and_only_warns_of_less(tmp_path: Path) -> None:
    program = "from model_sync.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "doctor"],
        env={**os.environ, **_AWAY, "MODEL_SYNC_MODELS_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 78, done.stderr
    levels = {line.split()[0] for line in done.stdout.splitlines()}
    assert levels <= {"OK", "WARN", "FAIL"}
    assert "FAIL address of the store: http://127.0.0.1:9 cannot be reached" in done.stdout
