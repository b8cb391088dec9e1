"""What a server holds does not grow from swap to swap; the long run is benchmarks/server/swap_memory.py."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Models, ServerProcess

    Start = Callable[..., ServerProcess]

SWAPS = 60


def _status(server: ServerProcess) -> dict[str, int]:
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    status = dict(line.split(":", 1) for line in lines)
    files = len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))
    return {"kib": int(status["VmRSS"].split()[0]), "threads": int(status["Threads"]), "files": files}


def _swap(server: ServerProcess, models: Models, versions: range) -> None:
    for version in versions:
        models.add("m", version, 1.0)
        shutil.rmtree(models.root / "m" / str(version - 1))
        assert server.ask("POST", "/v1/config/reload")[0] == 200


def test_swaps_leave_neither_threads_nor_files_nor_models_behind(start_server: Start, models: Models) -> None:
    models.add("m", 1, 1.0)
    server = start_server([{"name": "m"}], "--file_system_poll_wait_seconds", "0")
    _swap(server, models, range(2, 20))
    before = _status(server)
    _swap(server, models, range(20, 20 + SWAPS))
    after = _status(server)
    # a kept model costs two threads and 200 KiB; a connection may just be open
    assert after["threads"] <= before["threads"] + 2
    assert after["files"] <= before["files"] + 2
    assert after["kib"] < before["kib"] + 4 * 1024
