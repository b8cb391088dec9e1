"""Wrong surroundings and wrong input: one clear sentence, the right exit code, nothing lost."""

import os
import stat
import subprocess
from io import BytesIO
from pathlib import Path

import pytest
import requests
from edge_stack.components import program
from edge_stack.stack import Stack
from edge_stack.store.store import BUCKET, StoreKind
from PIL import Image
from tiny_models import write_model

WITHIN = 30.0
EX_DATAERR, EX_TEMPFAIL, EX_CONFIG = 65, 75, 78


def run(name: str, *arguments: str | Path, **environment: str) -> tuple[int, str]:
    """Exit code and the last line of standard error of a command of the platform."""
    done = subprocess.run(
        [program(name), *map(str, arguments)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr.strip().splitlines()[-1] if done.stderr.strip() else ""


def sidecar_once(stack: Stack, tmp_path: Path, **settings: str) -> tuple[int, str]:
    """`model-sync once` on a volume of its own against the stack's store."""
    volume = tmp_path / "volume"
    volume.mkdir(exist_ok=True)
    environment = stack.sidecar_environment(
        **{"MODELS_DIR": str(volume), "CREATE_BUCKET": "false", **settings}
    )
    return run("model-sync", "once", **environment)


def test_a_missing_bucket_is_named_with_the_command_that_makes_it(stack: Stack, tmp_path: Path) -> None:
    code, sentence = sidecar_once(stack, tmp_path, BUCKET="no-such-bucket")
    assert code == EX_CONFIG
    assert "the bucket 'no-such-bucket' does not exist" in sentence
    assert "mc mb local/no-such-bucket" in sentence


def test_an_unreachable_store_is_told_with_its_address(stack: Stack, tmp_path: Path) -> None:
    code, sentence = sidecar_once(stack, tmp_path, S3_ENDPOINT="http://127.0.0.1:1")
    assert code == EX_TEMPFAIL
    assert "http://127.0.0.1:1" in sentence
    assert "check that the store runs" in sentence


@pytest.mark.parametrize("store_kind", [pytest.param(StoreKind.MINIO, marks=pytest.mark.minio)])
def test_wrong_credentials_are_told_with_the_settings_to_check(stack: Stack, tmp_path: Path) -> None:
    code, sentence = sidecar_once(stack, tmp_path, S3_SECRET_KEY="wrong")
    assert code == EX_CONFIG
    assert "does not accept the credentials" in sentence
    assert "MODEL_SYNC_S3_SECRET_KEY" in sentence


def test_a_missing_volume_is_told_with_what_to_do(stack: Stack, tmp_path: Path) -> None:
    code, sentence = sidecar_once(stack, tmp_path, MODELS_DIR=str(tmp_path / "nowhere"))
    assert code == EX_CONFIG
    assert "does not exist; mount the volume there" in sentence


def test_a_volume_that_cannot_be_written_is_told(stack: Stack, tmp_path: Path) -> None:
    # a file system that refuses is the one kind of refusal that also holds for root
    code, sentence = sidecar_once(stack, tmp_path, MODELS_DIR="/sys")
    assert code == EX_CONFIG
    assert "cannot write to the models folder /sys" in sentence


def test_a_misspelt_setting_is_an_error_that_names_the_right_one(stack: Stack, tmp_path: Path) -> None:
    code, sentence = sidecar_once(stack, tmp_path, POLL_INTERVALL="3s")
    assert code == EX_CONFIG
    assert "MODEL_SYNC_POLL_INTERVALL" in sentence
    assert "did you mean MODEL_SYNC_POLL_INTERVAL?" in sentence


def test_a_malformed_card_rejects_the_version_and_names_the_key(stack: Stack, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "car", 1.0)
    (folder / "model.yaml").write_text("schema: 1\ninput: {colour: RGB}\n")
    stack.push(folder, model="car", version=1)
    entry = stack.wait_version("car", 1, "rejected", within=WITHIN)
    assert "model.yaml: unknown key 'input.colour'" in entry["reason"]
    assert not (stack.folder.volume / "car" / "1").exists()


def test_a_key_that_would_leave_its_folder_is_never_written(stack: Stack) -> None:
    client = stack.store.client()
    client.put_object(BUCKET, "car/1/model.onnx", BytesIO(b"x"), 1)
    client.put_object(BUCKET, "car/1/a\\b.txt", BytesIO(b"x"), 1)
    entry = stack.wait_version("car", 1, "rejected", within=WITHIN)
    assert "cannot be mirrored: it contains a backslash" in entry["reason"]


def test_the_server_names_an_unknown_model_and_a_wrong_request(stack: Stack, tmp_path: Path) -> None:
    stack.push(write_model(tmp_path / "car", 1.0), model="car", version=1)
    stack.wait_version("car", 1, "serving", within=WITHIN)
    url = f"{stack.ports.server_url}/v2/models"
    unknown = requests.post(f"{url}/bike/infer", json={"inputs": []}, timeout=10)
    assert unknown.status_code == 404
    assert "not found" in unknown.json()["error"]
    wrong = requests.post(f"{url}/car/infer", json={}, timeout=10)
    assert wrong.status_code == 400
    assert wrong.json() == {"error": "Invalid JSON structure, missing inputs"}


def test_the_client_refuses_what_is_no_picture_and_names_known_models(stack: Stack, tmp_path: Path) -> None:
    stack.push(write_model(tmp_path / "car", 1.0), model="car", version=1)
    stack.wait_version("car", 1, "serving", within=WITHIN)
    client = {
        "CAR_CLIENT_SERVER_URL": stack.ports.server_url,
        "CAR_CLIENT_SIDECAR_URL": stack.ports.sidecar_url,
    }
    text = tmp_path / "notes.txt"
    text.write_text("no picture")
    code, sentence = run("car-client", "classify", text, **client)
    assert code == EX_DATAERR
    assert "notes.txt" in sentence
    picture = tmp_path / "grey.png"
    Image.new("RGB", (32, 32), "grey").save(picture)
    code, sentence = run("car-client", "classify", "--model", "bike", picture, **client)
    assert code == EX_DATAERR
    assert "bike" in sentence
    assert "car" in sentence


def test_the_client_tells_when_the_server_is_away() -> None:
    code, sentence = run("car-client", "models", CAR_CLIENT_SERVER_URL="http://127.0.0.1:1")
    assert code == EX_TEMPFAIL
    assert "http://127.0.0.1:1" in sentence


def test_published_files_are_readable_for_the_server_and_never_writable_for_others(
    stack: Stack, tmp_path: Path
) -> None:
    stack.push(write_model(tmp_path / "car", 1.0), model="car", version=1)
    stack.wait_version("car", 1, "serving", within=WITHIN)
    folder = stack.folder.volume / "car" / "1"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert stat.S_IMODE((folder / "model.onnx").stat().st_mode) == 0o644
    assert stat.S_IMODE((stack.folder.volume / "config.json").stat().st_mode) == 0o644
