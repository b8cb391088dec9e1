"""What could keep the platform from running on this machine, looked for one by one, each with what to do."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from importlib import metadata
from pathlib import Path

import psutil
from edge_common.errors import EdgeError, FatalError
from edge_common.findings import Finding, Level

from edge_stack import machine
from edge_stack.background.health import Health, look_at
from edge_stack.background.record import StackRecord, read_record
from edge_stack.background.up import NEEDED_BYTES
from edge_stack.components import PREFERRED_PORTS, StackFolder, program
from edge_stack.machine import Look
from edge_stack.processes.ports import HOST, ReservedPort, is_listened_on
from edge_stack.stack import StackOptions
from edge_stack.store.minio_server import find_minio, minio_version
from edge_stack.store.store import StoreKind

_PARTS = {
    "edge-stack": "edgeai-cars-stack",
    "model-sync": "edgeai-cars-model-sync",
    "ovms-lite": "edgeai-cars-ovms-lite",
    "car-client": "edgeai-cars-client",
}
"""Command -> distribution."""
_AMPLE_BYTES = 1 << 30
_SIDECAR_ANSWERS_WITHIN_SECONDS = 60.0
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - looked at only


def examine(options: StackOptions, now: float) -> Iterator[Finding]:
    """Look at machine, programs, store, ports or running stack, and volume; `now` is a Unix second.

    Never raises; starts nothing that goes on running.
    """
    folder = StackFolder(options.root.absolute())
    yield from _machine(folder.root)
    yield _looked("programs", lambda: programs({name: _version(name) for name in _PARTS}))
    yield _looked("OpenVINO", openvino)
    yield _looked("store", lambda: store(options.store))
    yield _looked("address of the page", lambda: page_address(options.page_host))
    yield _looked("volume", lambda: owner(folder.volume))
    try:
        record = read_record(folder.record)
    except EdgeError as error:
        yield _failed("record of the stack", error)
        return
    if record is None or not record.is_supervised():
        for name, number in PREFERRED_PORTS.items():
            host = options.page_host if name == "page" else HOST
            yield _looked(f"port {number}", partial(port, number, name, host), worst=Level.WARN)
        return
    yield from _running(record, now)


def _machine(root: Path) -> Iterator[Finding]:
    names = ("processor", "C library", "state folder", "space")
    for name, (seen, advice) in zip(names, machine.must_have(root, NEEDED_BYTES), strict=False):
        yield Finding(Level.FAIL if advice else Level.OK, name, seen, advice)
    if (little := _looked("space", partial(machine.space, root, _AMPLE_BYTES), worst=Level.WARN)).advice:
        yield little
    yield _looked("shared memory", lambda: shared_memory(_SHARED_MEMORY), worst=Level.WARN)


def _running(record: StackRecord, now: float) -> Iterator[Finding]:
    for component in look_at(record, now):
        advice = f"see {program('edge-stack')} logs {component.name}; what ended is started again"
        bad = component.health not in (Health.READY, Health.ALIVE)
        seen = f"is {component.health}" + (f" ({component.trouble})" if component.trouble else "")
        level = Level.FAIL if bad else Level.OK if component.health is Health.READY else Level.WARN
        yield Finding(level, component.name, seen, "" if level is Level.OK else advice)
    yield Finding(Level.OK, "page", f"is at {record.addresses['page']}")
    try:
        yield from sidecar_findings(_ask_sidecar(record))
    except EdgeError as error:
        yield _failed("model-sync doctor", error)


def _ask_sidecar(record: StackRecord) -> str:
    """What `model-sync doctor` of the running stack tells; raises FatalError when it does not."""
    try:
        ran = subprocess.run(
            [program("model-sync"), "doctor", "--json"],
            env=os.environ | record.environment,
            capture_output=True,
            text=True,
            timeout=_SIDECAR_ANSWERS_WITHIN_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FatalError(f"it does not answer ({error}); run `make setup` again") from error
    return ran.stdout


def sidecar_findings(told: str) -> Iterator[Finding]:
    """What the sidecar's own examination found; raises FatalError when it is no such document."""
    try:
        for entry in json.loads(told):
            yield Finding(Level(entry["level"]), entry["what"], entry["seen"], entry["advice"])
    except (ValueError, KeyError, TypeError) as error:
        raise FatalError(f"it told something else ({error}); run `make setup` again") from error


def programs(versions: dict[str, str | None]) -> Look:
    """Whether all programs are there, of one version."""
    if absent := [name for name, version in versions.items() if version is None]:
        return f"{', '.join(absent)} cannot be started", "run `make setup` in the checkout"
    told = ", ".join(f"{name} {version}" for name, version in versions.items())
    if len(set(versions.values())) > 1:
        return f"{told}: they are of different versions", "run `make setup` in the checkout"
    return told, ""


def openvino() -> Look:
    """Which OpenVINO runs the models."""
    try:
        return f"is {metadata.version('openvino')}", ""
    except metadata.PackageNotFoundError:
        return "is not installed", "run `make setup` in the checkout"


def store(kind: StoreKind) -> Look:
    """Which store `up` would start; raises FatalError when its binary cannot be run."""
    binary = None if kind is StoreKind.EMBEDDED else find_minio()
    if binary is None:
        if kind is StoreKind.MINIO:
            return "there is no MinIO", "run `make minio` (needs Go), or use --store embedded"
        return "the embedded one", ""
    return f"MinIO {minio_version(binary)} ({binary})", ""


def page_address(host: str) -> Look:
    """Whether the page can listen there; raises FatalError when not."""
    ReservedPort(host=host).close()
    return f"{host} is an address of this machine", ""


def port(number: int, name: str, host: str) -> Look:
    """Whether the documented port is free; `name` is who would have it."""
    if not is_listened_on(number, host):
        return f"is free for the {name}", ""
    return (
        f"is taken{_by_whom(number)}",
        f"nothing: `up` takes another one for the {name} and prints it; to have this one, end that program",
    )


def _by_whom(number: int) -> str:
    """The program that listens on a port; empty where this user may not know."""
    try:
        listening = [one for one in psutil.net_connections("tcp") if one.status == psutil.CONN_LISTEN]
        pids = [one.pid for one in listening if one.laddr and one.laddr.port == number and one.pid]
        return f" by {psutil.Process(pids[0]).name()}" if pids else ""
    except psutil.Error:
        return ""


def owner(folder: Path) -> Look:
    """Whether what an earlier start left is this user's to change."""
    if not folder.exists():
        return f"{folder} is made by `up`", ""
    strange = [path for path in (folder, *folder.iterdir()) if not os.access(path, os.W_OK)]
    if strange:
        user = strange[0].stat().st_uid
        advice = f"run as that user, or give it away: chown -R {os.geteuid()} {folder.parent}"
        return f"{strange[0]} belongs to user {user}, and {os.geteuid()} may not change it", advice
    return f"{folder} can be written", ""


def shared_memory(folder: Path) -> Look:
    """Whether there is memory that processes share; the platform does without, a browser does not."""
    if folder.is_dir() and os.access(folder, os.W_OK):
        return f"{folder} can be written", ""
    return f"{folder} cannot be written", "nothing for the platform; Chromium needs it: mount a tmpfs there"


def _version(name: str) -> str | None:
    """The version of a part; None when its command or distribution is absent."""
    try:
        return metadata.version(_PARTS[name]) if Path(program(name)).is_absolute() else None
    except metadata.PackageNotFoundError:
        return None


def _looked(what: str, look: Callable[[], Look], *, worst: Level = Level.FAIL) -> Finding:
    try:
        seen, advice = look()
    except EdgeError as error:
        return _failed(what, error)
    except OSError as error:
        return Finding(Level.FAIL, what, error.strerror or str(error), "make it readable for this user")
    return Finding(worst if advice else Level.OK, what, seen, advice)


def _failed(what: str, error: EdgeError) -> Finding:
    seen, _, advice = str(error).rpartition("; ")
    return Finding(Level.FAIL, what, seen or str(error), advice if seen else "mend that, then ask again")
