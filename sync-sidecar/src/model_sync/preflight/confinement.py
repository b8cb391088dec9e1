"""What the kernel lets the preflight child still do: read the model and its own libraries, nothing else.

Landlock (Linux 5.13) takes rights away from the process that asks for it, without being root, and never
gives them back. The numbers are those of the kernel's `include/uapi/linux/landlock.h`; the system calls have
the same numbers on every processor. What Landlock does not know is refused by `system_calls`. Where the
kernel or the container's seccomp profile lets neither through, the child runs with the sidecar's rights, and
`model-sync doctor` says so.
"""

import ctypes
import os
import struct
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from model_sync.preflight.system_calls import refuse_harmful_calls

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_ALL_OF_FIRST = (1 << 13) - 1
_SINCE = {2: 1 << 13, 3: 1 << 14}
"""Version of Landlock -> what it can forbid beyond the first: moving between folders; truncating."""
_TCP_SINCE, _BIND_AND_CONNECT = 4, 0b11
_SCOPES_SINCE, _SIGNALS_AND_SOCKETS = 6, 0b11

_LIBRARIES = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache")
_MACHINE = (
    *(
        "/proc/self",
        "/proc/cpuinfo",
        "/proc/meminfo",
        "/proc/stat",
        "/proc/sys",
        "/dev/random",
        "/dev/urandom",
    ),
    *("/sys/devices", "/sys/class/drm", "/sys/bus/pci", "/sys/fs/cgroup", "/sys/kernel/mm"),
)
_WRITABLE = ("/dev/null", "/dev/dri", "/dev/accel")
"""A GPU or NPU is used by writing to its device."""
_KEPT_VARIABLES = frozenset({"PATH", "HOME", "LANG", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV"})
_KEPT_PREFIXES = ("PYTHON", "LC_", "OPENBLAS_", "OMP_", "TBB_", "OPENVINO_")


def landlock_version() -> int:
    """The kernel's version of Landlock; 0 where this process may not use it."""
    version = int(ctypes.CDLL(None).syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_VERSION))
    return max(0, version)


def confine_to(readable: Iterable[Path]) -> bool:
    """From here on, files are read from `readable` and the libraries' folders only, and none is written.

    No socket is opened, no process started or signalled, no file's mode changed. Holds for this thread and
    all that it starts. Returns whether the kernel offers all of it; what it offers holds. Raises OSError.
    """
    version = landlock_version()
    if version:
        _restrict_files(version, readable)
    return refuse_harmful_calls() and bool(version)


def _restrict_files(version: int, readable: Iterable[Path]) -> None:
    forbidden = _ALL_OF_FIRST | sum(right for since, right in _SINCE.items() if version >= since)
    attributes = struct.pack(
        "=QQQ",
        forbidden,
        _BIND_AND_CONNECT if version >= _TCP_SINCE else 0,
        _SIGNALS_AND_SOCKETS if version >= _SCOPES_SINCE else 0,
    )
    ruleset = _call(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    try:
        for folder in (*map(Path, (*_LIBRARIES, *_MACHINE, *_python_folders())), *readable):
            _allow(ruleset, folder, _READ_FILE | _READ_DIR | _EXECUTE)
        for device in map(Path, _WRITABLE):
            _allow(ruleset, device, _READ_FILE | _READ_DIR | _WRITE_FILE)
        _must(ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        _call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _python_folders() -> Iterator[str]:
    yield from {sys.prefix, sys.base_prefix, *(entry for entry in sys.path if entry)}


def _allow(ruleset: int, path: Path, rights: int) -> None:
    """`rights` on everything beneath `path`; nothing when there is no such path."""
    with suppress(FileNotFoundError):
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            suitable = rights if path.is_dir() else rights & ~_READ_DIR
            _call(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", suitable, handle), 0)
        finally:
            os.close(handle)


def _call(number: int, *arguments: object) -> int:
    return _must(ctypes.CDLL(None, use_errno=True).syscall(number, *arguments))


def _must(result: int) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"the preflight child cannot be confined: {os.strerror(error)}")
    return result


def harmless_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What of `environment` the child gets: what libraries need; no setting and no key of the sidecar."""
    kept = {
        name: value
        for name, value in environment.items()
        if name in _KEPT_VARIABLES or name.startswith(_KEPT_PREFIXES)
    }
    return {**kept, "OPENBLAS_NUM_THREADS": "1"}  # a thread that runs already would not be confined
