"""What a pod that only follows was asked to change, left on the volume for the pod that writes."""

import errno
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from edge_common.atomic_files import make_folder, replace_file
from pydantic import TypeAdapter

from model_sync.volume.own_files import read_plain

Change = Literal["pin", "unpin", "retry", "release", "sync", "sent"]
_MOST_BYTES = 16 * 1024
_MOST_WAITING = 100
_LATE_SECONDS = 600.0
"""Older ones are left: who asked has looked for another way by then, and things may be otherwise now."""


@dataclass(frozen=True)
class Handed:
    """A change that was asked for: of which model, with what beside it, by whom, and when in Unix seconds."""

    change: Change
    model: str
    asked: dict[str, Any]
    by: str
    at: float


_HANDED = TypeAdapter(Handed)


@dataclass(frozen=True)
class HandedOver:
    """The files `*.ask` in `folder`; `own` is this pod's name, unlike all others."""

    folder: Path
    own: str

    def put(self, handed: Handed) -> None:
        """Leave it for the pod that writes. Raises OSError, also when a hundred are waiting already."""
        make_folder(self.folder)
        if len(list(islice(self.folder.glob("*.ask"), _MOST_WAITING))) == _MOST_WAITING:
            raise OSError(errno.EBUSY, "too many changes wait for the pod that writes", str(self.folder))
        replace_file(self.folder / f"{self.own}.{uuid4().hex}.ask", _HANDED.dump_json(handed))

    def take(self, now: float) -> Iterator[Handed]:
        """Those that wait and are not late, oldest first; each is taken away before it is told."""
        taken = []
        for path in islice(self.folder.glob("[!.]*.ask"), _MOST_WAITING):
            with suppress(OSError, ValueError):  # taken by another, or not written by a sidecar
                content = read_plain(path, _MOST_BYTES)
                path.unlink()
                taken.append(_HANDED.validate_json(content))
        taken.sort(key=lambda one: one.at)
        return (one for one in taken if abs(now - one.at) < _LATE_SECONDS)
