"""The README's first commands, word for word, in fresh clones: as root and as somebody else, twice.

With `-n 2` both are at it at once. What asks at documented ports is done by one at a time, so one begins with
`make demo` and the other with `make up`.
"""

import fcntl
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

pytestmark = [pytest.mark.newcomer, pytest.mark.timeout(3000)]
_ROOT = Path(__file__).parents[2]
_END = "To stay up over reboots"
"""Of what is run; containers, systemd and a cluster have tests of their own."""
_SECONDS = 900
_OWN_SETTINGS = ("MODEL_SYNC_", "CAR_CLIENT_", "MINIO_", "AWS_", "PYTHON", "VIRTUAL_ENV", "MAKE", "COV", "CI")
_ASKED_PORT = 8081
"""Where `model-sync status` asks, when it is told nothing else."""


def _commands() -> list[str]:
    text = (_ROOT / "README.md").read_text().partition(_END)[0]
    lines = [line.strip().partition("  ")[0] for line in text.splitlines() if line.startswith("    ")]
    return [line for line in lines if line.startswith(("make ", ".venv/bin/"))]


def _path(user: str) -> str:
    """PATH without Go, and without what `user` cannot reach."""
    folders = [Path(name) for name in os.environ["PATH"].split(":") if Path(name).is_dir()]
    kept = [folder for folder in folders if not (folder / "go").exists() and ".venv" not in folder.parts]
    if user != "root":
        kept = [folder for folder in kept if not folder.is_relative_to("/root")]
    return ":".join(map(str, kept))


class Newcomer:
    """Somebody with a home of their own and a clone in it, under a path with a blank and an umlaut."""

    def __init__(self, user: str, folder: Path) -> None:
        self.user, self.home, self.clone = user, folder / "home", folder / "mein Rechner ü" / "platform"
        kept = {key: value for key, value in os.environ.items() if not key.startswith(_OWN_SETTINGS)}
        own = {"HOME": str(self.home), "PATH": _path(user), "USER": user, "LOGNAME": user}
        own["DEMO_FLAGS"] = "--patience 4"  # another newcomer shares the machine
        self.environment = {key: value for key, value in kept.items() if not key.startswith("XDG_")} | own
        for place in (folder, self.home, self.clone.parent):
            place.mkdir(exist_ok=True)
            shutil.chown(place, user)
        subprocess.run(["git", "clone", "--quiet", f"file://{_ROOT}", str(self.clone)], check=True)
        subprocess.run(["chown", "--recursive", user, str(self.clone)], check=True)

    def run(self, *command: str, at: Path | None = None) -> str:
        """What a command says; a failure shows it."""
        one = pwd.getpwnam(self.user)
        ran = subprocess.run(
            command,
            cwd=at or self.clone,
            env=self.environment,
            user=one.pw_uid,
            group=one.pw_gid,
            extra_groups=[],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        assert ran.returncode == 0, (
            f"{command} as {self.user} ended with {ran.returncode}:\n{ran.stdout[-3000:]}"
        )
        return ran.stdout

    def follow(self, commands: list[str]) -> None:
        for command in commands:
            self.run("bash", "-c", command)

    def running(self) -> list[psutil.Process]:
        """What was started from the clone."""
        found = []
        for process in psutil.process_iter(["cmdline", "cwd", "status"]):
            words = " ".join([*(process.info["cmdline"] or ()), process.info["cwd"] or ""])
            if str(self.clone) in words and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process)
        return found


@pytest.fixture(params=["root", "nobody"])
def newcomer(request: pytest.FixtureRequest) -> Iterator[Newcomer]:
    if os.geteuid() != 0:
        pytest.fail("only root can be root and somebody else: run `make newcomer` as root")
    with tempfile.TemporaryDirectory(prefix="newcomer-") as folder:
        somebody = Newcomer(request.param, Path(folder))
        yield somebody
        for process in somebody.running():
            process.kill()


@contextmanager
def _documented_ports() -> Iterator[None]:
    """To have them alone among newcomers; fails when a stranger has the one that is asked."""
    with Path(__file__).open() as mine:
        fcntl.flock(mine, fcntl.LOCK_EX)
        with socket.socket() as asking:
            taken = asking.connect_ex(("127.0.0.1", _ASKED_PORT)) == 0
        assert not taken, f"end what listens on {_ASKED_PORT} first: the README's commands ask there"
        yield


def _keep_and_use(newcomer: Newcomer, commands: list[str]) -> None:
    with _documented_ports():
        newcomer.follow(commands)
        assert newcomer.running() == []
        newcomer.follow(commands[:1])
        for process in newcomer.running():
            process.kill()
        newcomer.follow(commands)
        assert newcomer.running() == []


def test_the_readme_is_right_word_for_word_twice_and_after_everything_was_killed(newcomer: Newcomer) -> None:
    demo, *commands = _commands()
    assert (demo, commands[0], commands[-1]) == ("make demo", "make up", "make down")

    if newcomer.user == "root":
        newcomer.follow([demo])
    _keep_and_use(newcomer, commands)
    if newcomer.user != "root":
        newcomer.follow([demo])
    assert newcomer.running() == []
    assert "nothing to commit" in newcomer.run("git", "status")
