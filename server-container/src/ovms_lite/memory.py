"""How much memory this process may use, and how many bytes of requests are in it at a time."""

import os
from collections import Counter
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")


def memory_limit(own: Path = _OWN, cgroups: Path = _CGROUPS) -> int:
    """Bytes; limits of groups around this process's own are seen where they are mounted."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    try:
        lines = own.read_text().splitlines()
    except OSError:  # not Linux
        lines = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        root = cgroups / controllers
        name = "memory.limit_in_bytes" if controllers else "memory.max"
        for folder in (root / path.lstrip("/"), root):  # the second where the group is the mount's root
            try:
                limits.append(int((folder / name).read_text()))
            except (OSError, ValueError):  # not mounted, or "max"
                continue
    return min(limits)


class HeldBytes:
    """What the requests of one interface keep in memory: `total` bytes at most, half of it for one model.

    So the callers of one model stop no others. Belongs to one thread.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self._held: Counter[str] = Counter()

    @property
    def held_bytes(self) -> int:
        """Bytes in memory."""
        return self._held.total()

    def take(self, model: str, count: int) -> bool:
        """Whether `count` more bytes may be kept for a model; if so they are, until given back."""
        if self.held_bytes + count > self.total or self._held[model] + count > self.total // 2:
            return False
        self._held[model] += count
        return True

    def give_back(self, model: str, count: int) -> None:
        """The bytes are not in memory any more."""
        self._held[model] -= count
        if not self._held[model]:
            del self._held[model]
