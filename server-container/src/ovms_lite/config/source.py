"""Where the wanted models come from: config.json, read when its content changes, or the command line."""

import hashlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ovms_lite.config.entries import ModelConfig, ServerConfig, parse_config
from ovms_lite.errors import ConfigError, StartError

_READ_ATTEMPTS = 3
_READ_PAUSE_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """What a look at the configuration found; nothing set: unchanged."""

    config: ServerConfig | None = None
    error: ConfigError | None = None
    unreadable: bool = False


class ConfigSource(ABC):
    """Gives the configuration when it changed. Blocking; run it in a thread."""

    @abstractmethod
    def read_change(self, *, forced: bool) -> ConfigChange:
        """Look again; `forced` also gives an unchanged configuration that did not succeed before."""

    def remember_success(self, succeeded: bool) -> None:  # noqa: B027 - the command line is not read again
        """Whether everything the last configuration asked for could be done."""

    def was_replaced(self) -> bool:
        """Whether another file stands in the place of the one read last; costs one system call."""
        return False


class ConfigFileSource(ConfigSource):
    """config.json at `path`. Its content counts, not its time: renaming a new file into place is seen."""

    def __init__(self, path: Path, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._path = path
        self._sleep = sleep
        self._digest = b""
        self._inode = 0
        self._succeeded = False

    def read_first(self) -> ServerConfig:
        """The configuration to start with; raises StartError when there is none that can be used."""
        change = self._read(lambda _digest: True)
        if change.config is not None:
            self._digest = b""  # the first cycle still has to act on it
            return change.config
        reason = "cannot be read" if change.error is None else str(change.error)
        raise StartError(f"cannot start from {self._path}: {reason}")

    def read_change(self, *, forced: bool) -> ConfigChange:
        """A changed configuration, or with `forced` an unchanged one that failed before."""
        return self._read(lambda digest: digest != self._digest or (forced and not self._succeeded))

    def remember_success(self, succeeded: bool) -> None:
        """Kept for the next forced read."""
        self._succeeded = succeeded

    def was_replaced(self) -> bool:
        """True after a rename into place; what is written in place may be half-written and waits."""
        return self._current_inode() not in {0, self._inode}

    def _current_inode(self) -> int:
        try:
            return self._path.stat().st_ino
        except OSError:
            return 0

    def _read(self, is_wanted: Callable[[bytes], bool]) -> ConfigChange:
        """A file that is being written in place is read again before it counts as wrong."""
        change = ConfigChange(unreadable=True)
        self._inode = self._current_inode()
        for attempt in range(_READ_ATTEMPTS):
            if attempt:
                self._sleep(_READ_PAUSE_SECONDS)
            try:
                content = self._path.read_bytes()
            except OSError:
                continue
            digest = hashlib.sha256(content).digest()
            if not is_wanted(digest):
                return ConfigChange()
            try:
                config = parse_config(content, self._path.parent.absolute())
            except ConfigError as error:
                change = ConfigChange(error=error)
                continue
            self._digest = digest
            return ConfigChange(config=config)
        if change.error is not None:
            self._digest = digest
            self._succeeded = False
        return change


class SingleModelSource(ConfigSource):
    """The one model of `--model_name` and `--model_path`; it never changes."""

    def __init__(self, model: ModelConfig) -> None:
        self._config: ServerConfig | None = ServerConfig((model,))

    def read_change(self, *, forced: bool) -> ConfigChange:  # noqa: ARG002 - the command line cannot be read again
        """The model, once."""
        config, self._config = self._config, None
        return ConfigChange(config=config)
