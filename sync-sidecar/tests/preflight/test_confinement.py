"""What a model could do if it took the preflight child over: read itself, and not much more."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from model_sync.preflight.confinement import filters_system_calls, landlock_version
from sync_models import write_onnx

_TRIES = """
import ctypes, json, mmap, os, signal, socket, sys, threading
from pathlib import Path
from model_sync.preflight.confinement import confine_to

folder, outside, port, parent = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), os.getppid()
model = folder / "model.onnx"

def tried(action):
    try:
        done = action()
    except OSError as error:
        return type(error).__name__
    return "PermissionError" if done == -1 else "done"  # what libc itself answers

def called(name, *arguments):
    return getattr(ctypes.CDLL(None), name)(*arguments)

def opened(*kind):
    return lambda: socket.socket(*kind).close()

inside = {
    "read the model": model.read_bytes,
    "read the libraries": lambda: os.listdir(sys.prefix),
    "start a thread": lambda: threading.Thread(target=int).start(),
    "take memory": lambda: mmap.mmap(-1, 1 << 20).close(),
}
refused = {
    "read another file": outside.read_bytes,
    "list another folder": lambda: os.listdir(outside.parent),
    "list processes": lambda: os.listdir("/proc"),
    "read the parent's environment": lambda: Path(f"/proc/{parent}/environ").read_bytes(),
    "read shared memory": lambda: os.listdir("/dev/shm"),
    "change the model": lambda: model.write_bytes(b""),
    "shorten the model": lambda: os.truncate(model, 0),
    "delete the model": model.unlink,
    "leave a file behind": lambda: (folder / "new").write_bytes(b""),
    "change a file's mode": lambda: model.chmod(0o600),
    "change a file's times": lambda: os.utime(model),
    "set an attribute": lambda: os.setxattr(model, "user.a", b"b"),
    "connect over TCP": lambda: socket.create_connection(("127.0.0.1", port), 5).close(),
    "open an MPTCP socket": opened(socket.AF_INET, socket.SOCK_STREAM, 262),
    "open a UDP socket": opened(socket.AF_INET, socket.SOCK_DGRAM),
    "open a Unix socket": opened(socket.AF_UNIX),
    "open a pair of sockets": socket.socketpair,
    "open a netlink socket": opened(socket.AF_NETLINK, socket.SOCK_RAW, 0),
    "set up an io_uring": lambda: called("syscall", 425, 8, None),
    "start a process": os.fork,
    "start a program": lambda: os.execv("/bin/true", ["true"]),
    "leave its session": os.setsid,
    "signal the parent": lambda: os.kill(parent, 0),
    "have the kernel signal the parent": lambda: __import__("fcntl").fcntl(0, 8, parent),
    "outlive the parent": lambda: called("prctl", 1, 0, 0, 0, 0),
    "trace the parent": lambda: called("ptrace", 16, parent, 0, 0),
    "limit the parent": lambda: __import__("resource").prlimit(parent, 7),
    "use all cores": lambda: os.sched_setaffinity(0, range(os.cpu_count())),
    "use other namespaces": lambda: called("unshare", 0x10000000),
    "mount": lambda: called("mount", b"none", b"/mnt", b"tmpfs", 0, None),
}
print(json.dumps({
    "confined": confine_to([folder]),
    "inside": {name: tried(action) for name, action in inside.items()},
    "refused": {name: tried(action) for name, action in refused.items()},
}))
sys.stdout.flush()
os.abort()
"""
"""Everything is tried, in the child's own words: what it needs, and what nobody may do from there."""

_BY_LANDLOCK = {
    "read another file",
    "list another folder",
    "list processes",
    "read the parent's environment",
    "read shared memory",
    "change the model",
    "delete the model",
    "leave a file behind",
}


def _tries(tmp_path: Path) -> dict[str, Any]:
    folder = write_onnx(tmp_path / "model")
    outside = tmp_path / "secret"
    outside.write_text("hunter2")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        command = [sys.executable, "-P", "-c", _TRIES, str(folder), str(outside), port]
        ended = subprocess.run(command, check=False, capture_output=True, text=True, stdin=subprocess.PIPE)
    assert ended.returncode == -signal.SIGABRT, ended.stderr
    answer: dict[str, Any] = json.loads(ended.stdout)
    assert (folder / "model.onnx").stat().st_size > 0 or not answer["confined"]
    return answer


def test_what_a_model_that_took_over_its_loader_can_do(tmp_path: Path) -> None:
    by_files, by_calls = bool(landlock_version()), filters_system_calls()
    answer = _tries(tmp_path)
    assert answer["confined"] is (by_files and by_calls)
    assert set(answer["inside"].values()) == {"done"}
    for action, seen in answer["refused"].items():
        if by_files if action in _BY_LANDLOCK else by_calls:
            assert seen == "PermissionError", action
