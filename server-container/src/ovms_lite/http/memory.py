"""How much memory this process may use: the machine's, or less in a container."""

import os
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
