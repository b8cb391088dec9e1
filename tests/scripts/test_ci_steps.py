""".ci/steps.sh: what fails is run again alone, and named as flaky when it passes then."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_TESTS = """
from pathlib import Path
import pytest

def test_that_passes(): pass

def test_that_needs_two_tries():
    second = Path(__file__).with_suffix(".tried")
    tried = second.exists()
    second.touch()
    assert tried

def test_that_fails_each_time(): assert False

@pytest.mark.skip
def test_that_is_skipped(): pass
"""
_NONE_CHOSEN = "pytest ended with exit code 5 (pytest: no test was chosen)"


def _conclusion(script: str) -> subprocess.CompletedProcess[str]:
    whole = f"set -uo pipefail; . .ci/steps.sh; {script}; conclude"
    return subprocess.run(
        ["bash", "-c", whole], cwd=_ROOT, capture_output=True, text=True, timeout=100, check=False
    )


@pytest.mark.parametrize(
    ("chosen", "last_lines", "code"),
    [
        ("passes or tries", ["flaky: test_some.test_that_needs_two_tries", "2 passed, 0 failed"], 0),
        ("that", ["failed: some", "flaky: test_some.test_that_needs_two_tries", "2 passed, 2 failed"], 1),
        (
            "none",
            [
                "failed: some, pytest ended with exit code 5 (pytest: no test was chosen)",
                "0 passed, 1 failed",
            ],
            1,
        ),
    ],
)
def test_what_failed_is_tried_again_alone(
    tmp_path: Path, chosen: str, last_lines: list[str], code: int
) -> None:
    (tmp_path / "test_some.py").write_text(_TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    folder = shlex.quote(str(tmp_path))
    # without the plugins that are not needed it starts in half the time
    program = f"env PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {shlex.quote(sys.executable)} -m pytest -p xdist"
    done = _conclusion(
        f"PYTEST=({program} -c {folder}/pytest.ini); tests some -n 0 -k {shlex.quote(chosen)} {folder}"
    )
    assert done.stdout.splitlines()[-len(last_lines) :] == last_lines, done.stdout + done.stderr
    assert done.returncode == code


def test_a_command_that_does_not_start_counts_as_one_failed_test() -> None:
    done = _conclusion("PYTEST=(false); tests some; step other true")
    why = "no report of the tests: pytest ended with exit code 1"
    assert f"failed: some, {why}" in done.stdout.splitlines()
    assert done.stdout.splitlines()[-1] == "1 passed, 1 failed"
    assert done.returncode == 1


def test_a_pytest_that_dies_is_started_once_more_and_named(tmp_path: Path) -> None:
    report = '<testsuites><testcase classname="some" name="test"/></testsuites>'
    dies_once = f"""dies_once() {{ [ -e {tmp_path}/once ] || {{ touch {tmp_path}/once; return 3; }}
      while [ "$1" != --junitxml ]; do shift; done; echo '{report}' >"$2"; }}"""
    done = _conclusion(f"{dies_once}; PYTEST=(dies_once); tests some")
    assert done.stdout.splitlines()[-2:] == [
        "flaky: all of some: pytest itself died the first time",
        "1 passed, 0 failed",
    ], done.stdout + done.stderr
    assert done.returncode == 0


def test_what_hangs_is_ended_and_named_and_nothing_is_begun_after_the_end_of_all() -> None:
    done = _conclusion(
        "hangs() { sleep 60; }; PYTEST=(hangs); limit=1;"
        "step long hangs; tests some; all_end=0; step late echo too late"
    )
    ended = "exit code 124: ended at its limit of 1 s, or at the whole run's of"
    assert done.stdout.splitlines()[-4:] == [
        f"failed: long, {ended} 4800 s",
        f"failed: some, no report of the tests: pytest ended with {ended} 4800 s",
        f"failed: late, {ended} 0 s",
        "0 passed, 3 failed",
    ]
    assert "too late" not in done.stdout
    assert done.returncode == 1
