"""Loading a version in a child process first, so that a model that kills the runtime kills only the child.

An exception from OpenVINO becomes a failed version anyway; a segmentation fault, or the kernel's
out-of-memory killer, would take the server down with all its models.
"""

import pickle
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import orjson

from ovms_lite.config.entries import ModelConfig
from ovms_lite.errors import LoadError
from ovms_lite.models.loading import LoadedModel, ModelLoader

TIMEOUT_SECONDS = 600.0
CHILD = (sys.executable, "-P", "-m", "ovms_lite.models.load_check_child")

_Fingerprint = Mapping[str, tuple[int, int]]
"""Size and time of change in nanoseconds of each file, by name."""


class Loader(Protocol):
    """Turns a version folder into a compiled model. Blocking; run it in a thread."""

    def load(self, config: ModelConfig, version: int) -> LoadedModel:
        """Compile `<base_path>/<version>` as `config` asks; raises LoadError saying what is wrong."""


class CheckedLoader:
    """Loads what a child process could load. A version that killed a child is not tried again unchanged.

    Args:
        loader: loads in this process, after the check.
        settings: `cache_dir` and `cpu_extension` of the loader, for the child's own.
        child: the command of the child.
        timeout: seconds that a check may take.
    """

    def __init__(
        self,
        loader: ModelLoader,
        settings: Sequence[Path | None],
        *,
        child: Sequence[str] = CHILD,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        self._loader = loader
        self._settings = tuple(settings)
        self._child = child
        self._timeout = timeout
        self._deadly: dict[Path, tuple[ModelConfig, _Fingerprint, str]] = {}

    def load(self, config: ModelConfig, version: int) -> LoadedModel:
        """As `ModelLoader.load`; a LoadError also says that, and how, the child died."""
        folder = config.base_path / str(version)
        files = _fingerprint(folder)
        known_config, known_files, reason = self._deadly.get(folder, (None, {}, ""))
        if known_config == config and known_files == files:
            raise LoadError(reason)
        try:
            self._check(config, version)
        except _ChildDiedError as error:
            reason = f"{config.name} version {version} {error}; export the model again"
            self._deadly[folder] = (config, files, reason)
            raise LoadError(reason) from error
        self._deadly.pop(folder, None)
        return self._loader.load(config, version)

    def _check(self, config: ModelConfig, version: int) -> None:
        try:
            done = subprocess.run(
                self._child,
                input=pickle.dumps((config, version, *self._settings)),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=self._timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise _ChildDiedError(
                f"took longer than {self._timeout:.0f} s to load in a child process"
            ) from error
        if done.returncode < 0:
            raise _ChildDiedError(
                f"kills the runtime while loading ({signal.Signals(-done.returncode).name})"
            )
        if done.returncode:
            raise _ChildDiedError(f"ended the child process that loaded it with {done.returncode}")
        answer = orjson.loads(done.stdout)
        if "problem" in answer:
            raise LoadError(answer["problem"], reload_status=answer["reload_status"])


class _ChildDiedError(Exception):
    """The child gave no verdict."""


def _fingerprint(folder: Path) -> _Fingerprint:
    try:
        found = {entry.name: entry.stat() for entry in sorted(folder.iterdir())}
    except OSError:  # the loader says it better
        return {}
    return {name: (stat.st_size, stat.st_mtime_ns) for name, stat in found.items()}
