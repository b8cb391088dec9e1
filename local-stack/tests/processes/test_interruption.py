import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

OWNER = """
import sys, time
from pathlib import Path
from edge_common.errors import EdgeError
from edge_common.stopping import Interrupted, raise_on_signals
from edge_stack.processes.command import Command
from edge_stack.processes.running import Processes

raise_on_signals()
try:
    with Processes() as processes:
        child = processes.start(Command(name="child", argv=sys.argv[2:], log=Path(sys.argv[1])))
        print(child.pid, flush=True)
        time.sleep(600)
except Interrupted as error:
    print(error, child.exit_code)
    sys.exit(error.exit_code)
"""


@pytest.mark.parametrize(("number", "name"), [(signal.SIGINT, "SIGINT"), (signal.SIGTERM, "SIGTERM")])
def test_a_signal_ends_everything_before_the_program_ends(
    tmp_path: Path, number: signal.Signals, name: str
) -> None:
    sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, tmp_path / "child.log", *sleeper], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    child = int(owner.stdout.readline())
    owner.send_signal(number)
    words, _ = owner.communicate(timeout=20)
    assert owner.returncode == 128 + number
    assert words == f"interrupted by {name} {-signal.SIGTERM}\n"
    assert not psutil.pid_exists(child)
