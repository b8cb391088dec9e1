import subprocess
import sys
from pathlib import Path

COMPONENT = Path(__file__).parents[1]


def test_modules_know_only_those_below_them() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    linted = subprocess.run(
        [linter, "--config", COMPONENT / ".importlinter", "--no-cache"],
        capture_output=True,
        text=True,
        check=False,
        cwd=COMPONENT,
    )
    assert linted.returncode == 0, linted.stdout + linted.stderr
