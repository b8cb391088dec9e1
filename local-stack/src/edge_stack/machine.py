"""What a machine must have, asked with the standard library alone: `make setup` asks before it installs.

    python3 local-stack/src/edge_stack/machine.py FOLDER MEBIBYTES

ends with 0, or with 78 and a sentence on standard error. Each look returns what was seen, and what to do
about it; nothing to do: the empty string.
"""

import os
import platform
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

Look = tuple[str, str]

MEBIBYTE = 1 << 20
SYSTEMS = {("Linux", "x86_64"), ("Linux", "aarch64"), ("Darwin", "arm64")}
"""What OpenVINO is published for, of what the platform is written for."""
GLIBC_FROM = {"x86_64": (2, 28), "aarch64": (2, 35)}
"""As the platform tags of the locked packages say; the highest is OpenVINO's."""
CONFIGURATION_ERROR = 78
_OTHERWISE = "use such a machine, or a container of compose.yaml"


def processor(system: str, machine: str) -> Look:
    """Whether OpenVINO is published for this processor."""
    seen = f"{system} on {machine}"
    if (system, machine) in SYSTEMS:
        return seen, ""
    return seen, "OpenVINO is published for Linux on x86_64 and aarch64, and macOS on arm64: use one of them"


def c_library(system: str, machine: str, library: Sequence[str]) -> Look:
    """Whether the packages load here; `library` is what `platform.libc_ver` says."""
    if system != "Linux":
        return "needs no glibc", ""
    name, release = library
    numbers = [int(part) for part in release.split(".")[:2] if part.isdecimal()]
    needed = GLIBC_FROM.get(machine, max(GLIBC_FROM.values()))
    words = f"glibc {needed[0]}.{needed[1]} or later is needed on {machine}; {_OTHERWISE}"
    if name != "glibc" or len(numbers) < len(needed):
        return "the C library is not glibc", words
    return f"glibc {release}", words if tuple(numbers) < needed else ""


def writable(folder: Path) -> Look:
    """Whether this user may write there, or make it."""
    place = _nearest(folder)
    if not place.is_dir():
        return f"{place} is no folder", f"remove it, or use another folder than {folder}"
    if not os.access(place, os.W_OK | os.X_OK):
        why = "its file system is read-only" if _is_read_only(place) else f"not by user {os.geteuid()}"
        advice = "make it writable, or use another folder"
        return f"{place} cannot be written: {why}", advice
    return f"{folder} can be written", ""


def space(folder: Path, needed: int) -> Look:
    """Whether `needed` bytes are free where the folder is, or will be."""
    free = shutil.disk_usage(_nearest(folder)).free
    seen = f"{free // MEBIBYTE} MiB are free at {folder}"
    if free >= needed:
        return seen, ""
    return seen, f"{needed // MEBIBYTE} MiB are needed: make room, or use another folder"


def must_have(folder: Path, needed: int) -> Iterator[Look]:
    """What nothing of the platform works without, from the machine to the folder it is to write to."""
    system, machine = platform.system(), platform.machine()
    yield processor(system, machine)
    yield c_library(system, machine, platform.libc_ver())
    yield (may_write := writable(folder))
    if not may_write[1]:
        yield space(folder, needed)


def fault(folder: Path, needed: int) -> str | None:
    """The first thing in the way, as one sentence with what to do; None: nothing."""
    return next((f"{seen}; {advice}" for seen, advice in must_have(folder, needed) if advice), None)


def _nearest(folder: Path) -> Path:
    """The folder, or what is there of the way to it."""
    folder = folder.absolute()
    return next(place for place in (folder, *folder.parents) if os.path.lexists(place))


def _is_read_only(place: Path) -> bool:
    return bool(os.statvfs(place).f_flag & os.ST_RDONLY)


if __name__ == "__main__":
    FOUND = fault(Path(sys.argv[1]), int(sys.argv[2]) * MEBIBYTE)
    if FOUND:
        sys.stderr.write(f"nothing was installed: {FOUND}\n")
        sys.exit(CONFIGURATION_ERROR)
