"""What callers of the model server get, and what the volume promises it, each as one plain question."""

import hashlib
import json
from io import BytesIO
from pathlib import Path

import requests
from edge_common.served_state import available_versions
from edge_stack.processes.waiting import wait_until
from edge_stack.stack import Stack
from edge_stack.store.store import BUCKET
from minio import Minio


def answer_of(stack: Stack, model: str) -> float:
    """The model's answer, asked without naming a version; raises when there is none."""
    body = {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [0, 0, 0, 0]}]}
    reply = requests.post(f"{stack.ports.server_url}/v2/models/{model}/infer", json=body, timeout=10)
    reply.raise_for_status()
    return float(reply.json()["outputs"][0]["data"][0])


def wait_answer(stack: Stack, model: str, answer: float, *, within: float) -> float:
    """Wait until exactly one version of `model` is AVAILABLE and answers `answer`; returns the seconds."""

    def look() -> str | None:
        served = available_versions(stack.served(), model)
        if len(served) != 1:
            return f"versions {served} are served"
        given = answer_of(stack, model)
        return None if given == answer else f"it answers {given}"

    return wait_until(f"{model} answering {answer}", look, within=within)


def entry_of(stack: Stack, model: str, version: int | str) -> dict[str, object]:
    """What the sidecar says of one version; empty when it says nothing."""
    versions = stack.status()["models"].get(model, {"versions": []})["versions"]
    found: list[dict[str, object]] = [entry for entry in versions if entry["source"] == str(version)]
    return found[0] if found else {}


def digest_of(file: Path) -> str:
    """SHA-256 of a file in hex."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def put_object(client: Minio, key: str, content: bytes) -> None:
    """Upload `content` in one request."""
    client.put_object(BUCKET, key, BytesIO(content), len(content))


def put_version(client: Minio, folder: Path, prefix: str) -> None:
    """Upload a folder of files and SHA256SUMS last, as `model-sync push` does."""
    put_folder(client, folder, prefix)
    lines = [f"{digest_of(file)}  {file.name}\n" for file in sorted(folder.iterdir())]
    put_object(client, f"{prefix}/SHA256SUMS", "".join(lines).encode())


def put_folder(client: Minio, folder: Path, prefix: str) -> None:
    """Upload a model folder file by file, without SHA256SUMS."""
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        put_object(client, f"{prefix}/{file.relative_to(folder)}", file.read_bytes())


def config_faults(volume: Path) -> list[str]:
    """What is wrong with config.json: not JSON, or a version listed whose folder holds no model file."""
    try:
        config = json.loads((volume / "config.json").read_bytes())
    except ValueError as error:
        return [f"config.json is no JSON: {error}"]
    return [
        f"config.json lists {entry['config']['name']} {version}, which has no model file"
        for entry in config["model_config_list"]
        for version in entry["config"]["model_version_policy"]["specific"]["versions"]
        if not any((volume / entry["config"]["name"] / str(version)).glob("model.*"))
    ]
