"""What the kernel lets the preflight child still do: read the model and its own libraries, nothing else.

Landlock (Linux 5.13) takes rights away from the process that asks for it, without being root, and never
gives them back. The numbers are those of the kernel's `include/uapi/linux/landlock.h`; the system calls have
the same numbers on every processor. A seccomp filter (Linux 3.17) refuses by number what Landlock does not
know: sockets of every kind, new processes, other programs, shared memory of System V, signals to others,
modes and times of files, tracing, mounting. The kernel runs it as classic BPF (`linux/filter.h`,
`linux/seccomp.h`); written here because the bindings on PyPI either have no release for years or need
libseccomp, which not every slim image has. Where the kernel or the container's seccomp profile lets neither
through, the child runs with the sidecar's rights, and `model-sync doctor` says so.
"""

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_PATH_BENEATH = 1
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_ALL_OF_FIRST = (1 << 13) - 1
_SINCE = {2: 1 << 13, 3: 1 << 14}
"""Version of Landlock -> what it can forbid beyond the first: moving between folders; truncating."""
_TCP_SINCE, _BIND_AND_CONNECT = 4, 0b11
_SCOPES_SINCE, _SIGNALS_AND_SOCKETS = 6, 0b11

_LIBRARIES = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache")
_MACHINE = (
    *("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/sys", "/dev/random"),
    *("/dev/urandom", "/sys/devices", "/sys/class/drm", "/sys/bus/pci", "/sys/fs/cgroup", "/sys/kernel/mm"),
)
_WRITABLE = ("/dev/null", "/dev/dri", "/dev/accel")
"""A GPU or NPU is used by writing to its device."""
_KEPT_VARIABLES = frozenset({"PATH", "HOME", "LANG", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV"})
_KEPT_PREFIXES = ("PYTHON", "LC_", "OPENBLAS_", "OMP_", "TBB_", "OPENVINO_")

_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""Machine -> column of the numbers below, and what the kernel calls it (`linux/audit.h`)."""

_LAST_KNOWN = 450
"""A call with a higher number is newer than this table; libraries go without it when the kernel has none."""

_REFUSED = """
socket 41 198, socketpair 53 199, io_uring_setup 425 425, io_uring_enter 426 426, io_uring_register 427 427,
fork 57 -, vfork 58 -, execve 59 221, execveat 322 281, setsid 112 157, setpgid 109 154,
chmod 90 -, fchmod 91 52, fchmodat 268 53, chown 92 -, fchown 93 55, lchown 94 -, fchownat 260 54,
utime 132 -, utimes 235 -, futimesat 261 -, utimensat 280 88, truncate 76 45,
setxattr 188 5, lsetxattr 189 6, fsetxattr 190 7, removexattr 197 14,
lremovexattr 198 15, fremovexattr 199 16,
shmget 29 194, semget 64 190, msgget 68 186, mq_open 240 180,
memfd_create 319 279, memfd_secret 447 447,
kill 62 129, tkill 200 130, rt_sigqueueinfo 129 138, rt_tgsigqueueinfo 297 240, pidfd_send_signal 424 424,
ptrace 101 117, process_vm_readv 310 270, process_vm_writev 311 271, pidfd_open 434 434, pidfd_getfd 438 438,
process_madvise 440 440, process_mrelease 448 448, kcmp 312 272, migrate_pages 256 238, move_pages 279 239,
setpriority 141 140, ioprio_set 251 30, sched_setaffinity 203 122, sched_setscheduler 144 119,
sched_setparam 142 118, sched_setattr 314 274, personality 135 92, bpf 321 280, perf_event_open 298 241,
userfaultfd 323 282, keyctl 250 219, add_key 248 217, request_key 249 218, unshare 272 97, setns 308 268,
mount 165 40, umount2 166 39, pivot_root 155 41, chroot 161 51, open_tree 428 428, move_mount 429 429,
fsopen 430 430, fsconfig 431 431, fsmount 432 432, fspick 433 433, mount_setattr 442 442,
name_to_handle_at 303 264, open_by_handle_at 304 265, quotactl 179 60, acct 163 89, syslog 103 116,
init_module 175 105, finit_module 313 273, delete_module 176 106, kexec_load 246 104, kexec_file_load 320 294,
reboot 169 142, swapon 167 224, swapoff 168 225
"""
_CLONE, _CLONE3, _PRLIMIT = (56, 220), (435, 435), (302, 261)
_TGKILL, _PRCTL, _FCNTL, _SECCOMP = (234, 131), (157, 167), (72, 25), (317, 277)
_CLONE_THREAD = 0x10000
_F_SETOWN, _F_SETSIG, _F_SETOWN_EX = 8, 10, 15

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
"""Offsets in `struct seccomp_data`."""
_ALLOW, _END_PROCESS, _FAIL = 0x7FFF0000, 0x80000000, 0x00050000
_SET_MODE_FILTER, _ALL_THREADS = 1, 1

_Instruction = tuple[int, int, int, int]
"""Code, instructions to skip when the comparison holds, and when not, and the value."""


def landlock_version() -> int:
    """The kernel's version of Landlock; 0 where this process may not use it."""
    return max(0, int(ctypes.CDLL(None).syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_VERSION)))


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
        python = (sys.prefix, sys.base_prefix, *filter(None, sys.path))
        for folder in (*map(Path, (*_LIBRARIES, *_MACHINE, *python)), *readable):
            _allow(ruleset, folder, _READ_FILE | _READ_DIR | _EXECUTE)
        for device in map(Path, _WRITABLE):
            _allow(ruleset, device, _READ_FILE | _READ_DIR | _WRITE_FILE)
        _gain_nothing()
        _call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    """`rights` on everything beneath `path`; nothing when there is no such path."""
    with suppress(FileNotFoundError):
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            suitable = rights if path.is_dir() else rights & ~_READ_DIR
            _call(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", suitable, handle), 0)
        finally:
            os.close(handle)


def _gain_nothing() -> None:
    """No program that is started has more rights; both kinds of confinement ask for that first."""
    _must(ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def _call(number: int, *arguments: object) -> int:
    return _must(ctypes.CDLL(None, use_errno=True).syscall(number, *arguments))


def _must(result: int) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"the preflight child cannot be confined: {os.strerror(error)}")
    return result


def harmless_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What of `environment` the child gets: what libraries need; no setting and no key of the sidecar."""
    names = (name for name in environment if name in _KEPT_VARIABLES or name.startswith(_KEPT_PREFIXES))
    # a thread that runs already would not be confined
    return {name: environment[name] for name in names} | {"OPENBLAS_NUM_THREADS": "1"}


def filters_system_calls() -> bool:
    """Whether this kernel and machine take the filter; where not, only Landlock and the limits hold."""
    return platform.machine() in _ARCHITECTURES and Path("/proc/sys/kernel/seccomp").exists()


def refuse_harmful_calls() -> bool:
    """From here on, this process and all its threads fail at harmful calls with EPERM; there is no way back.

    Returns False, with nothing changed, on a machine whose numbers are not known. Raises OSError where the
    kernel does not take the filter.
    """
    column, architecture = _ARCHITECTURES.get(platform.machine(), (0, 0))
    if not architecture:
        return False
    program = b"".join(struct.pack("=HBBI", *one) for one in _program(column, architecture, os.getpid()))
    buffer = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("=HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer))
    _gain_nothing()
    _call(_SECCOMP[column], _SET_MODE_FILTER, _ALL_THREADS, described)
    return True


def _program(column: int, architecture: int, pid: int) -> list[_Instruction]:
    refused = _FAIL | errno.EPERM
    program: list[_Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _END_PROCESS),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _LAST_KNOWN + 1),  # also the numbers of x86's second table, which have a high bit
        (_RETURN, 0, 0, _FAIL | errno.ENOSYS),
        (_EQUAL, 0, 1, _CLONE3[column]),  # its flags lie in memory, where no filter looks; clone is used then
        (_RETURN, 0, 0, _FAIL | errno.ENOSYS),
    ]
    for entry in _REFUSED.replace("\n", " ").split(","):
        number = entry.split()[1 + column]
        if number != "-":
            program += [(_EQUAL, 0, 1, int(number)), (_RETURN, 0, 0, refused)]
    for call, argument, comparison, values, matched, otherwise in (
        (_CLONE, 0, _ANY_BIT, [_CLONE_THREAD], _ALLOW, refused),
        (_PRLIMIT, 0, _EQUAL, [0, pid], _ALLOW, refused),
        (_TGKILL, 0, _EQUAL, [pid], _ALLOW, refused),  # how a process aborts
        (_PRCTL, 0, _EQUAL, [_PR_SET_PDEATHSIG], refused, _ALLOW),
        (_FCNTL, 1, _EQUAL, [_F_SETOWN, _F_SETSIG, _F_SETOWN_EX], refused, _ALLOW),
    ):
        # decided by the lower half of one argument; other calls go on behind this
        tests = [(comparison, len(values) - place, 0, value) for place, value in enumerate(values)]
        returns = [(_RETURN, 0, 0, otherwise), (_RETURN, 0, 0, matched)]
        block = [(_LOAD, 0, 0, _ARGUMENTS + 8 * argument), *tests, *returns]
        program += [(_EQUAL, 0, len(block), call[column]), *block]
    return [*program, (_RETURN, 0, 0, _ALLOW)]
