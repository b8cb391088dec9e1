"""A volume whose owner can be killed, or refused, before and after each of its changes."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

from model_sync.planning.state import State
from model_sync.volume.volume import Volume


class KilledError(Exception):
    """The process ended here, without a chance to clean up."""


class MortalVolume(Volume):
    """`moment` is called with the name of the change, before and after each; `now` dates the folders."""

    def __init__(self, root: Path, moment: Callable[[str], None], now: Callable[[], float]) -> None:
        super().__init__(root)
        self.moment = moment
        self._now = now

    def save_state(self, state: State) -> None:
        self.moment("before state")
        super().save_state(state)
        self.moment("after state")

    def set_aside_state(self) -> Path:
        self.moment("before setting the state aside")
        return super().set_aside_state()

    def empty_trash(self) -> None:
        self.moment("before emptying the trash")
        super().empty_trash()

    def forget_model(self, model: str) -> None:
        self.moment("before forgetting a model")
        super().forget_model(model)

    def save_config(self, content: bytes) -> None:
        self.moment("before config")
        super().save_config(content)
        self.moment("after config")

    def save_card(self, model: str, local_version: int, card: bytes | None) -> None:
        self.moment("before card")
        super().save_card(model, local_version, card)

    def publish(self, model: str, local_version: int, tree: Path) -> None:
        self.moment("before publish")
        super().publish(model, local_version, tree)
        os.utime(self.version_folder(model, local_version), (self._now(), self._now()))
        self.moment("after publish")

    def copy_version(self, model: str, local_version: int, tree: Path) -> None:
        self.moment("before copy")
        super().copy_version(model, local_version, tree)
        self.moment("after copy")

    def withdraw(self, model: str, local_version: int, tree: Path) -> None:
        self.moment("before withdraw")
        super().withdraw(model, local_version, tree)
        self.moment("after withdraw")

    def delete(self, model: str, local_version: int) -> None:
        self.moment("before delete")
        super().delete(model, local_version)
        self.moment("after delete")


def disk_full() -> OSError:
    """What a full volume raises."""
    return OSError(errno.ENOSPC, "No space left on device")
