"""How much memory a preflight may take, and what is remembered of one that took too much.

The kubelet ends the whole container when its memory is used up (cgroup v2, `memory.oom.group`), so a child
must never be allowed as much as the container has. Where it happens all the same, the record that is left in
the staging folder tells the next start which version it was.
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
_FILES = {
    "memory": ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    "": ("memory.max", "memory.current", "inactive_file"),
}
"""Folder of cgroup v1 and v2 -> the files of limit and use, and the line of memory.stat for the page cache,
which the kernel drops before it ends a process."""
_NOTICEABLY_MORE = 1.25
_MOST_ENDS = 2
"""One may have been somebody else's doing; after so many it is only tried again with more memory."""


def free_memory(root: Path = Path("/")) -> int | None:
    """Bytes that a child may take without the container or the machine running out; None: nobody tells.

    Limits of cgroup v1 and v2 and of every cgroup above count, and what the machine has available. `root` is
    where /proc and /sys are looked for.
    """
    available = _number_in(root / "proc/meminfo", "MemAvailable:")
    free = [*_free_in_cgroups(root), *([] if available is None else [available * 1024])]
    return max(0, min(free) - _RESERVE) if free else None


def _free_in_cgroups(root: Path) -> Iterator[int]:
    """By each cgroup that counts memory for this process, the nearest first."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        version = "memory" if "memory" in controllers.split(",") else controllers
        if version not in _FILES:
            continue
        limit, used, reclaimable = _FILES[version]
        mount = root / "sys/fs/cgroup" / version
        own = mount / path.lstrip("/")
        for folder in (own, *own.parents):
            with suppress(OSError, ValueError):  # no limit ("max"), or no such file at the top
                room = int((folder / limit).read_text()) - int((folder / used).read_text())
                yield max(0, room + (_number_in(folder / "memory.stat", reclaimable) or 0))
            if folder == mount:
                break


def _number_in(file: Path, name: str) -> int | None:
    """The number behind the word `name` at the beginning of a line; None without it."""
    with suppress(OSError, ValueError):
        for line in file.read_text().splitlines():
            first, *rest = line.split() or [""]
            if first == name and rest:
                return int(rest[0])
    return None


@dataclass(frozen=True)
class _Record:
    upload_id: str
    allowance: int
    ends: int = 0
    """How often the sidecar has ended since this upload was first in preflight; the present one counts."""
    told: int = 0
    """How many of them led to a rejection."""


class PreflightRecord:
    """What is written in one staging folder while its version is in preflight."""

    def __init__(self, folder: Path, upload_id: str, allowance: int) -> None:
        """For the upload `upload_id`, whose preflight may take `allowance` bytes this time."""
        self._path = folder / "in-preflight.json"
        self._record = _Record(upload_id, allowance)
        with suppress(OSError, ValueError, TypeError):
            found = _Record(**json.loads(self._path.read_text()))
            if found.upload_id == upload_id and allowance < found.allowance * _NOTICEABLY_MORE:
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
        # no fsync: it is for the end of processes, not of machines
        aside.write_text(json.dumps(asdict(record)))
        aside.replace(self._path)
