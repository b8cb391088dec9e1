"""MLServer and KServe's Python server in their own environments, with this project's OpenVINO and OpenCV."""

import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

_SHARED_PACKAGES = ("openvino", "opencv-python-headless")
_INSTALL_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Rival:
    """A server from PyPI and the environment it runs in."""

    name: str
    requirement: str
    environment: Path

    @property
    def python(self) -> Path:
        """The interpreter of its environment."""
        return self.environment / "bin" / "python"

    @property
    def is_installed(self) -> bool:
        """Whether a finished installation of just these packages is there."""
        note = self._note
        return note.exists() and note.read_text() == "\n".join(self._requirements)

    @property
    def _requirements(self) -> list[str]:
        return [self.requirement, *(f"{name}=={version(name)}" for name in _SHARED_PACKAGES)]

    @property
    def _note(self) -> Path:
        return self.environment / "installed.txt"

    def install(self) -> None:
        """Make the environment. SystemExit when a package cannot be installed."""
        if self.is_installed:
            return
        print(f"installing {self.requirement} into {self.environment}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(self.environment)], check=True)
        command = [str(self.python), "-m", "pip", "install", "--quiet", *self._requirements]
        done = subprocess.run(command, check=False, timeout=_INSTALL_SECONDS)
        if done.returncode:
            raise SystemExit(
                f"{self.name} could not be installed, see above; leave it out with --without {self.name}"
            )
        self._note.write_text("\n".join(self._requirements))


def rivals(tools: Path) -> list[Rival]:
    """The servers to compare with; `tools` is the folder of their environments."""
    return [
        Rival("MLServer", "mlserver==1.7.1", tools / "mlserver"),
        Rival("KServe", "kserve==0.21.0", tools / "kserve"),
    ]
