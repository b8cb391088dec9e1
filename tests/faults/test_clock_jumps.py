"""The clock jumps.

The time of day of the running sidecar is set hours, then a year, forward and back, while models are uploaded,
replaced and removed.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from answers import answer_of, put_version, wait_answer
from edge_common.atomic_files import replace_file
from edge_stack.measuring.load import Load, summarize
from edge_stack.processes.waiting import wait_until
from edge_stack.stack import Stack
from tiny_models import write_model
from wrapped_sidecar import start_wrapped_sidecar

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(120)]

WITHIN = 30.0
HOUR = 3600
JUMPS = (6 * HOUR, -6 * HOUR, 8760 * HOUR, -8760 * HOUR, 0)


@pytest.mark.fault(
    "the time of day jumps by +6 h, -6 h, +1 year, -1 year and back",
    "nothing is deleted, uploads and removals go on, no request fails",
)
def test_a_jumping_clock_deletes_nothing_and_stalls_nothing(
    idle_stack: Stack, tmp_path: Path, seen: Callable[[str], None]
) -> None:
    offset = idle_stack.folder.root / "offset"
    process = start_wrapped_sidecar(idle_stack, "shifted_clock", offset)
    idle_stack.start_server()
    client = idle_stack.store.client()
    put_version(client, write_model(tmp_path / "stays", 7.0), "stays/1")
    put_version(client, write_model(tmp_path / "0", 0.0), "car/1")
    wait_answer(idle_stack, "stays", 7.0, within=WITHIN)
    wait_answer(idle_stack, "car", 0.0, within=WITHIN)
    with Load(idle_stack.ports.server_url, "stays", threads=1) as load:
        for number, jump in enumerate(JUMPS, 1):
            goes = f"goes{number}"
            put_version(client, write_model(tmp_path / goes, 9.0), f"{goes}/1")
            wait_answer(idle_stack, goes, 9.0, within=WITHIN)
            idle_stack.store.remove_model(goes)
            replace_file(offset, str(jump).encode())
            put_version(client, write_model(tmp_path / str(number), float(number)), f"car/{number + 1}")
            wait_answer(idle_stack, "car", float(number), within=WITHIN)
            assert answer_of(idle_stack, "stays") == 7.0
            wait_until("the removed model gone", lambda goes=goes: _gone(idle_stack, goes), within=WITHIN)  # type: ignore[misc]  # mypy infers no type for a default
    summary = summarize(load.answers())
    assert summary.failures == 0, summary.first_error
    assert process.exit_code is None
    seen(
        f"{len(JUMPS)} jumps, each with a new version and a removal, 0 of {summary.requests} requests failed"
    )


def _gone(stack: Stack, model: str) -> str | None:
    return "its folder is there" if (stack.folder.volume / model).exists() else None
