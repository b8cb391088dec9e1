"""What a model could do if it took the preflight child over: read itself, and not much more."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from model_sync.preflight.child_process import Preflight
from model_sync.preflight.confinement import harmless_environment, landlock_version
from sync_models import write_onnx

_TRIES = """
import json, os, signal, socket, sys
from pathlib import Path
from model_sync.preflight.confinement import confine_to

folder, outside, port = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])

def tried(action):
    try:
        action()
    except OSError as error:
        return type(error).__name__
    return "done"

print(json.dumps({
    "confined": confine_to([folder]),
    "read the model": tried(lambda: (folder / "model.onnx").read_bytes()),
    "read another file": tried(lambda: outside.read_bytes()),
    "list another folder": tried(lambda: os.listdir(outside.parent)),
    "change the model": tried(lambda: (folder / "model.onnx").write_bytes(b"")),
    "delete the model": tried(lambda: (folder / "model.onnx").unlink()),
    "leave a file behind": tried(lambda: (folder / "new").write_bytes(b"")),
    "read the parent's environment": tried(lambda: Path(f"/proc/{os.getppid()}/environ").read_bytes()),
    "connect": tried(lambda: socket.create_connection(("127.0.0.1", port), 5).close()),
    "signal the parent": tried(lambda: os.kill(os.getppid(), 0)),
}))
"""


def _tries(tmp_path: Path) -> dict[str, object]:
    folder = write_onnx(tmp_path / "model")
    outside = tmp_path / "secret"
    outside.write_text("hunter2")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        command = [sys.executable, "-P", "-c", _TRIES, str(folder), str(outside), port]
        ended = subprocess.run(command, check=True, capture_output=True, text=True)
    answer: dict[str, object] = json.loads(ended.stdout)
    assert (folder / "model.onnx").stat().st_size > 0 or not answer["confined"]
    return answer


def test_files_outside_and_every_change_are_refused_where_the_kernel_can(tmp_path: Path) -> None:
    version = landlock_version()
    refused = "PermissionError" if version else "done"
    answer = _tries(tmp_path)
    assert answer["confined"] is bool(version)
    assert answer["read the model"] == "done"
    for action in ("read another file", "list another folder", "change the model", "delete the model"):
        assert answer[action] == refused, action
    if version:
        assert answer["leave a file behind"] == "PermissionError"
        assert answer["read the parent's environment"] == "PermissionError"
        assert answer["connect"] == ("PermissionError" if version >= 4 else "done")
        assert answer["signal the parent"] == ("PermissionError" if version >= 6 else "done")


def test_the_child_gets_no_key_and_no_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_SYNC_S3_SECRET_KEY", "hunter2")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "hunter2")
    seen = tmp_path / "environment"
    command = (
        sys.executable,
        "-P",
        "-c",
        f"import os; open({str(seen)!r}, 'w').write(str(dict(os.environ)))",
    )
    with Preflight(timeout=60, memory=1024**3, command=command) as child:
        while child.usable:
            pass
    assert "PATH" in seen.read_text()
    assert "hunter2" not in seen.read_text()


def test_what_libraries_need_stays() -> None:
    kept = harmless_environment({**os.environ, "LD_LIBRARY_PATH": "/somewhere", "LC_ALL": "C.UTF-8"})
    assert (kept["PATH"], kept["LD_LIBRARY_PATH"], kept["LC_ALL"]) == (
        os.environ["PATH"],
        "/somewhere",
        "C.UTF-8",
    )
