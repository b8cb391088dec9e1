"""How much memory is free for a preflight, by the cgroups of this process and by the machine.

The kubelet ends the whole container when its memory is used up (cgroup v2, `memory.oom.group`), so a child
must never be allowed as much as the container has.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from edge_common.errors import RejectedError
from edge_common.quantities import format_size

_RESERVE = 64 * 1024**2
"""Left for the sidecar itself, whose use also changes."""
_V1, _V2 = "memory", ""


@dataclass(frozen=True)
class _Names:
    limit: str
    used: str
    reclaimable: str
    """Line of memory.stat: files in the page cache, which the kernel drops before it ends a process."""


_NAMES = {
    _V1: _Names("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    _V2: _Names("memory.max", "memory.current", "inactive_file"),
}


def free_memory(root: Path = Path("/")) -> int | None:
    """Bytes that a child may take without the container or the machine running out; None: nobody tells.

    Limits of cgroup v1 and v2 and of every cgroup above count, and what the machine has available. `root` is
    where /proc and /sys are looked for.
    """
    free = [*_free_in_cgroups(root), *_available(root)]
    return max(0, min(free) - _RESERVE) if free else None


def _free_in_cgroups(root: Path) -> Iterator[int]:
    for folder, names in _cgroups(root):
        with suppress(OSError, ValueError):  # no limit ("max"), or no such file at the top
            limit, used = _number(folder / names.limit), _number(folder / names.used)
            yield max(0, limit - used + _reclaimable(folder, names))


def _cgroups(root: Path) -> Iterator[tuple[Path, _Names]]:
    """The cgroups that count memory for this process, the nearest first."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        version = _V1 if _V1 in controllers.split(",") else controllers
        if version not in _NAMES:
            continue
        mount = root / "sys/fs/cgroup" / version
        own = mount / path.lstrip("/")
        for folder in (own, *own.parents):
            yield folder, _NAMES[version]
            if folder == mount:
                break


def _available(root: Path) -> Iterator[int]:
    with suppress(OSError, ValueError, StopIteration):
        lines = (root / "proc/meminfo").read_text().splitlines()
        line = next(line for line in lines if line.startswith("MemAvailable:"))
        yield int(line.split()[1]) * 1024


def _reclaimable(folder: Path, names: _Names) -> int:
    with suppress(OSError, ValueError):
        for line in (folder / "memory.stat").read_text().splitlines():
            name, _, value = line.partition(" ")
            if name == names.reclaimable:
                return int(value)
    return 0


def _number(path: Path) -> int:
    return int(path.read_text())


_NOTICEABLY_MORE = 1.25
_MOST_ENDS = 2
"""One may have been somebody else's doing; after so many it is only tried again with more memory."""


@dataclass(frozen=True)
class _Record:
    upload_id: str
    allowance: int
    ends: int = 0
    """How often the sidecar has ended since this upload was first in preflight; the present one counts."""
    told: int = 0
    """How many of them led to a rejection."""


class PreflightRecord:
    """The record in one staging folder."""

    def __init__(self, folder: Path, upload_id: str, allowance: int) -> None:
        """For the upload `upload_id`, whose preflight may take `allowance` bytes this time."""
        self._path = folder / "in-preflight.json"
        found = self._read()
        self._record = _Record(upload_id, allowance)
        if (
            found is not None
            and found.upload_id == upload_id
            and allowance < found.allowance * _NOTICEABLY_MORE
        ):
            self._record = found

    def raise_for_earlier_end(self) -> None:
        """Raise RejectedError when an earlier preflight with as little memory never returned."""
        record = self._record
        if record.ends == record.told and record.ends < _MOST_ENDS:
            return
        self._write(replace(record, told=record.ends))
        raise RejectedError(
            f"its preflight ended the sidecar; it needs more than {format_size(record.allowance)} of memory; "
            "make the model smaller, or the container's memory limit larger"
        )

    def begin(self) -> None:
        """Write down that this upload may be what ends the sidecar. Raises OSError."""
        self._write(replace(self._record, ends=self._record.ends + 1))

    def clear(self) -> None:
        """Preflight has returned, however it ended. Raises OSError."""
        self._path.unlink(missing_ok=True)

    def _write(self, record: _Record) -> None:
        aside = self._path.with_suffix(".new")
        aside.write_text(
            json.dumps(asdict(record))
        )  # no fsync: it is for the end of processes, not of machines
        aside.replace(self._path)

    def _read(self) -> _Record | None:
        try:
            return _Record(**json.loads(self._path.read_text()))
        except (OSError, ValueError, TypeError):
            return None
