import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from edge_common.errors import FatalError, RejectedError, RetryableError
from edge_stack.processes.command import Command, log_tail
from edge_stack.processes.ports import HOST, ReservedPort
from edge_stack.processes.running import Processes, RunningProcess
from edge_stack.processes.waiting import http_answers, wait_until

ProgramMaker = Callable[..., Command]

SLEEPER = "import time\nprint('asleep', flush=True)\ntime.sleep(600)\n"
IGNORES_SIGTERM = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('deaf', flush=True)
time.sleep(600)
"""
SERVER_AFTER_A_WHILE = """
import sys, time
from http.server import HTTPServer, BaseHTTPRequestHandler

class Ready(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

print('loading', flush=True)
time.sleep(0.3)
HTTPServer(('127.0.0.1', int(sys.argv[1])), Ready).serve_forever()
"""
PARENT_OF_A_SLEEPER = (
    "import subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "print('started', child.pid, flush=True)\ntime.sleep(600)\n"
)
OWNER_THAT_WAITS_TO_BE_KILLED = """
import sys, time
from pathlib import Path
from edge_stack.processes.command import Command
from edge_stack.processes.running import Processes

with Processes() as processes:
    child = processes.start(Command(name="child", argv=sys.argv[2:], log=Path(sys.argv[1])))
    print(child.pid, flush=True)
    time.sleep(600)
"""


def says(process: RunningProcess, word: str) -> None:
    """Wait until the program has written `word`."""
    process.wait_ready(lambda: None if word in log_tail(process.command.log) else "silent", within=20)


def gone(pid: int) -> str | None:
    try:
        return None if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE else f"{pid} lives"
    except psutil.NoSuchProcess:
        return None


def test_a_program_slow_to_become_ready_is_waited_for(
    processes: Processes, python_program: ProgramMaker, port: ReservedPort
) -> None:
    server = processes.start(python_program(SERVER_AFTER_A_WHILE, str(port.number)))
    server.wait_ready(http_answers(f"http://{HOST}:{port.number}/"), within=20)
    assert server.exit_code is None


def test_a_program_that_dies_before_it_is_ready_shows_its_last_words(
    processes: Processes, python_program: ProgramMaker
) -> None:
    program = processes.start(python_program("import sys\nprint('no disk left')\nsys.exit(3)"))
    with pytest.raises(FatalError, match=r"program ended with exit code 3; .*\nno disk left"):
        program.wait_ready(lambda: "it does not answer", within=20)


def test_one_of_several_that_ended_is_told_although_something_answered_in_its_place(
    processes: Processes, python_program: ProgramMaker
) -> None:
    processes.start(python_program(SLEEPER, name="store"))
    processes.raise_if_ended()
    taken = processes.start(python_program("import sys\nsys.exit('the port is taken')", name="server"))
    taken.wait_ended(within=20)
    with pytest.raises(FatalError, match=r"server ended with exit code 1; .*\nthe port is taken"):
        processes.raise_if_ended()


def test_a_program_that_never_becomes_ready_is_given_up_with_its_log(
    processes: Processes, python_program: ProgramMaker
) -> None:
    program = processes.start(python_program(SLEEPER))
    says(program, "asleep")
    with pytest.raises(RetryableError, match=r"program ready: not so after 0 s; no answer; .*\nasleep"):
        program.wait_ready(lambda: "no answer", within=0)


def test_a_missing_program_is_an_error_that_names_it(processes: Processes, tmp_path: Path) -> None:
    with pytest.raises(FatalError, match=r"sidecar: there is no program no-such-command"):
        processes.start(Command(name="sidecar", argv=["no-such-command"], log=tmp_path / "log"))


def test_a_program_that_ignores_sigterm_is_killed_after_the_grace_time(
    processes: Processes, python_program: ProgramMaker
) -> None:
    program = processes.start(python_program(IGNORES_SIGTERM))
    says(program, "deaf")
    assert processes.stop(program, grace=0.1) == -signal.SIGKILL


def test_stopping_tells_how_a_program_ended_and_may_be_repeated(
    processes: Processes, python_program: ProgramMaker
) -> None:
    program = processes.start(python_program(SLEEPER))
    says(program, "asleep")
    assert program.stop() == -signal.SIGTERM
    assert program.stop() == -signal.SIGTERM


def test_a_paused_program_can_be_stopped(processes: Processes, python_program: ProgramMaker) -> None:
    program = processes.start(python_program(SLEEPER))
    says(program, "asleep")
    program.send_signal(signal.SIGSTOP)
    assert program.stop(grace=20) == -signal.SIGTERM


def test_what_a_killed_program_had_started_is_ended_with_it(
    processes: Processes, python_program: ProgramMaker
) -> None:
    program = processes.start(python_program(PARENT_OF_A_SLEEPER))
    says(program, "started ")
    grandchild = int(log_tail(program.command.log).removeprefix("started "))
    assert program.kill() == -signal.SIGKILL
    wait_until("grandchild gone", lambda: gone(grandchild), within=5)


def test_a_program_started_again_takes_the_place_of_the_killed_one(
    processes: Processes, python_program: ProgramMaker
) -> None:
    first = processes.start(python_program(SLEEPER))
    assert first.kill() == -signal.SIGKILL
    second = processes.start(python_program(SLEEPER))
    assert processes.running == (second,)


def test_leaving_the_context_ends_everything_last_started_first(python_program: ProgramMaker) -> None:
    with Processes() as processes:
        started = [processes.start(python_program(SLEEPER, name=name)) for name in ("store", "server")]
        assert [process.name for process in processes.running] == ["store", "server"]
        assert list(processes.stop_all()) == ["server", "store"]
    assert all(process.exit_code is not None for process in started)


def test_an_error_in_the_context_ends_everything_too(python_program: ProgramMaker) -> None:
    started: list[RunningProcess] = []

    def fail_in_the_middle() -> None:
        with Processes() as processes:
            started.append(processes.start(python_program(SLEEPER)))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_in_the_middle()
    assert started[0].exit_code is not None


def owner(tmp_path: Path) -> tuple[subprocess.Popen[str], int]:
    """A process of its own that has started a sleeper through Processes; returns it and the sleeper's pid."""
    script = tmp_path / "owner.py"
    script.write_text(OWNER_THAT_WAITS_TO_BE_KILLED)
    sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
    process = subprocess.Popen(
        [sys.executable, script, tmp_path / "child.log", *sleeper], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout as lines:
        return process, int(lines.readline())


def test_nothing_is_left_when_the_owner_itself_is_killed(tmp_path: Path) -> None:
    process, child = owner(tmp_path)
    process.kill()
    process.wait()
    wait_until("child gone", lambda: gone(child), within=20)


def test_all_together_are_given_no_more_than_the_time_they_have(python_program: ProgramMaker) -> None:
    with Processes() as processes:
        for name in ("one", "two"):
            says(processes.start(python_program(IGNORES_SIGTERM, name=name)), "deaf")
        assert processes.stop_all(within=0.1) == {"two": -signal.SIGKILL, "one": -signal.SIGKILL}


def test_run_returns_what_the_program_printed(
    processes: Processes, python_program: ProgramMaker, tmp_path: Path
) -> None:
    script = python_program("import sys\nprint('{}')\nprint('a remark', file=sys.stderr)")
    command = Command(name="once", argv=script.argv, log=script.log, output=tmp_path / "out.json")
    assert processes.run(command, within=20) == b"{}\n"
    assert log_tail(script.log) == "a remark"
    assert processes.running == ()


def test_run_refuses_a_failed_program_and_quotes_it(
    processes: Processes, python_program: ProgramMaker
) -> None:
    with pytest.raises(RejectedError, match=r"program ended with exit code 65:\nmodel.bin is missing"):
        processes.run(python_program("print('model.bin is missing')\nraise SystemExit(65)"), within=20)


def test_run_ends_a_program_that_takes_too_long(processes: Processes, python_program: ProgramMaker) -> None:
    with pytest.raises(RetryableError, match="still runs after 0 s"):
        processes.run(python_program(SLEEPER), within=0)
    assert processes.running == ()


def test_settings_of_the_developer_do_not_reach_the_programs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MODEL_SYNC_BUCKET", "someone-elses")
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("LANG", "C.UTF-8")
    command = Command(name="x", argv=["x"], log=tmp_path / "x.log", env={"MODEL_SYNC_HTTP_PORT": "1"})
    environment = command.environment()
    assert "AWS_PROFILE" not in environment
    assert "MODEL_SYNC_BUCKET" not in environment
    assert environment["MODEL_SYNC_HTTP_PORT"] == "1"
    assert environment["LANG"] == "C.UTF-8"
    assert "127.0.0.1" in environment["NO_PROXY"]


def test_the_tail_of_a_huge_log_is_short(tmp_path: Path) -> None:
    log = tmp_path / "huge.log"
    log.write_bytes(b"x" * 1_000_000 + b"\nthe end\n")
    assert log_tail(log, lines=1) == "the end"
    assert len(log_tail(log)) < 20_000
    assert log_tail(tmp_path / "absent.log") == ""
