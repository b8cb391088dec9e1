"""A volume and its lock as a network file system may have them: locks are lost, handles stale, names late."""

import errno
import os
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from model_sync.volume.lock import VolumeLock
from model_sync.volume.volume import Volume


@dataclass
class LockServer:
    """Who holds the volume's lock, as the file server sees it."""

    holder: str | None = None

    def expire(self) -> None:
        """Forget the holder, as after a lease that could not be renewed; nobody tells the holder."""
        self.holder = None


class LeasedLock(VolumeLock):
    """Believes what it was told last, as a client does that is cut off."""

    def __init__(self, path: Path, holder: str, server: LockServer) -> None:
        super().__init__(path, holder)
        self._name, self._server, self._believes = holder, server, False

    def try_acquire(self, *, in_use: bool = False) -> bool:
        del in_use
        if not self._believes and self._server.holder in {None, self._name}:
            self._server.holder, self._believes = self._name, True
        return self._believes

    @property
    def is_held(self) -> bool:
        return self._believes

    def check(self) -> None:
        """The file is there as ever: nothing tells the holder that its lease is over."""

    def release(self) -> None:
        self._believes = False
        if self._server.holder == self._name:
            self._server.holder = None


@dataclass
class Weather:
    """How often a call fails with ESTALE, and how many looks a new folder stays unseen."""

    chance: random.Random
    stale: float = 0.0
    unseen_looks: int = 0
    raised: int = field(default=0)

    def strike(self, path: Path) -> None:
        if self.chance.random() < self.stale:
            self.raised += 1
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), str(path))


class NetworkVolume(Volume):
    """A Volume in this weather. What is opened is fresh, as NFS promises; names may be late."""

    def __init__(self, root: Path, weather: Weather) -> None:
        super().__init__(root, wait=lambda _seconds: None)
        self._weather = weather
        self._looks: dict[tuple[str, int], int] = {}

    def recorded_writer(self) -> int | None:
        self._weather.strike(self.state_path)
        return super().recorded_writer()

    def found_files(self, model: str, local_version: int) -> Mapping[str, int] | None:
        self._weather.strike(self.version_folder(model, local_version))
        found = super().found_files(model, local_version)
        looks = self._looks.get((model, local_version), 0) + 1 if found is not None else 0
        self._looks[model, local_version] = looks
        return found if looks > self._weather.unseen_looks else None

    def replace(self, path: Path, content: bytes) -> None:
        self._weather.strike(path)
        super().replace(path, content)
