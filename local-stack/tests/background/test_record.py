import os
from collections.abc import Callable
from pathlib import Path

import pytest
from edge_common.errors import FatalError
from edge_stack.background.record import ProcessRecord, StackRecord, end_recorded, read_record
from edge_stack.processes.command import Command
from edge_stack.processes.running import Processes

SLEEPER = "import time\ntime.sleep(600)\n"


def record_of(*processes: ProcessRecord) -> StackRecord:
    return StackRecord(store="embedded", addresses={}, environment={"K": "secret"}, processes=processes)


def test_a_record_reads_back_as_written_and_is_private(
    processes: Processes, python_program: Callable[..., Command], tmp_path: Path
) -> None:
    record = record_of(ProcessRecord.of(processes.start(python_program(SLEEPER))))
    record.write(tmp_path / "stack.json")
    assert read_record(tmp_path / "stack.json") == record
    assert (tmp_path / "stack.json").stat().st_mode & 0o777 == 0o600
    assert read_record(tmp_path / "absent.json") is None


def test_a_damaged_record_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text("{")
    with pytest.raises(FatalError, match=r"end what still runs by hand .* remove the file"):
        read_record(tmp_path / "stack.json")


def test_exactly_the_recorded_processes_are_ended_and_a_second_time_nothing(
    processes: Processes, python_program: Callable[..., Command]
) -> None:
    mine = processes.start(python_program(SLEEPER, name="server"))
    other = processes.start(python_program(SLEEPER, name="other"))
    record = record_of(ProcessRecord.of(mine))
    assert end_recorded(record) == ["server"]
    assert end_recorded(record) == []
    assert mine.exit_code is not None
    assert other.exit_code is None


def test_a_pid_that_now_belongs_to_another_process_is_left_alone() -> None:
    me = ProcessRecord(name="server", pid=os.getpid(), started=1.0, log=Path("server.log"))
    assert not me.runs()
    assert end_recorded(record_of(me)) == []
