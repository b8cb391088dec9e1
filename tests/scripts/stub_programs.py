"""Programs that note how they were called, and answer what a test tells them to."""

import json
import os
import shutil
import stat
import subprocess
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[2]
_REAL = (
    "bash",
    "env",
    "dirname",
    "basename",
    "sed",
    "head",
    "cat",
    "grep",
    "awk",
    "git",
    "mktemp",
    "rm",
    "id",
    "hostname",
)
"""What the scripts may use of the machine; everything else has to be a stub."""

_STUB = """#!{python} -IS
import json, sys
name, rules, calls = {name!r}, {rules!r}, {calls!r}
arguments = sys.argv[1:]
with open(calls, "a") as file:
    file.write(json.dumps([name, *arguments]) + "\\n")
line = " ".join(arguments)
for start, code, output in json.load(open(rules)):
    if line.startswith(start):
        sys.stdout.write(output)
        sys.exit(code)
"""


@dataclass
class Stubs:
    """A PATH of `folder/bin` only, in which there are the stubs made so far and a few harmless programs."""

    folder: Path
    python: str
    variables: dict[str, str] = field(default_factory=dict)
    _rules: dict[str, list[tuple[str, int, str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.bin.mkdir(parents=True)
        for name in _REAL:
            real = shutil.which(name)
            assert real, f"{name} is needed to test the scripts"
            (self.bin / name).symlink_to(real)

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    def program(self, name: str) -> None:
        """Put a stub on PATH that succeeds and prints nothing."""
        self._rules.setdefault(name, [])
        path = self.bin / name
        path.write_text(
            _STUB.format(
                python=self.python, name=name, rules=str(self._rules_file(name)), calls=str(self._log)
            )
        )
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        self._save(name)

    def answer(self, name: str, start: str, output: str = "", *, code: int = 0) -> None:
        """From now on `name` answers arguments that begin with `start` with `output` and `code`."""
        self._rules.setdefault(name, []).insert(0, (start, code, output))
        self.program(name)

    def run(self, script: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a script of the repository's root, with nobody at its standard input."""
        environment = {"PATH": str(self.bin), "HOME": str(self.folder), **self.variables, **variables}
        return subprocess.run(
            [str(ROOT / script), *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def calls(self, *start: str) -> list[list[str]]:
        """The calls so far whose words begin with `start`."""
        if not self._log.exists():
            return []
        all_calls: list[list[str]] = [json.loads(line) for line in self._log.read_text().splitlines()]
        return [call for call in all_calls if call[: len(start)] == list(start)]

    @property
    def _log(self) -> Path:
        return self.folder / "calls"

    def _rules_file(self, name: str) -> Path:
        return self.folder / f"{name}.rules"

    def _save(self, name: str) -> None:
        aside = self.folder / f"{name}.rules.new"
        aside.write_text(json.dumps(self._rules[name]))
        os.replace(aside, self._rules_file(name))  # noqa: PTH105 - as short


def values_of(call: list[str], option: str) -> list[str]:
    """What follows each `option` in a call."""
    return [value for word, value in pairwise(call) if word == option]
