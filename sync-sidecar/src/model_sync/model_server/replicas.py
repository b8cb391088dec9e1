"""What the pods on one volume tell each other: what each server serves, and that the bucket should be listed.

A network file system may show names and dates of others up to a minute late, out of its cache. A file that is
opened is as it is now (close-to-open), and who changes something in a folder has to ask for the folder anew.
So dates are those of an opened file, and each pod changes something in the folder as often as it tells.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from edge_common.atomic_files import make_folder, replace_file
from edge_common.served_state import ServedModels, VersionState
from pydantic import TypeAdapter

_REPORT = TypeAdapter(dict[str, dict[int, VersionState]])

LIVE_SECONDS = 15.0
"""A file that was not renewed for so long belongs to a pod that nobody waits for."""
_GONE_SECONDS = 600.0
"""Seconds after which nobody expects that pod, or its server, to be there any more."""
_RENEW_SECONDS = 4.0
_MOST_BYTES = 16 * 1024**2
"""Of a report; some 100,000 versions."""
_READ_NOW = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class Replicas:
    """The folder `replicas/` on the volume; `own` is this pod's name, unlike all others."""

    def __init__(self, folder: Path, own: str) -> None:
        """Nothing is read or written yet."""
        self._folder = folder
        self._path = folder / f"{own}.json"
        self._note = folder / f"{own}.look"
        self._told: ServedModels | None = None
        self._told_at = 0.0
        self._written = (0, 0)

    def report(self, served: ServedModels | None, now: float) -> None:
        """Tell the others what this pod's server serves, when that changed or is about to count as old.

        None: the server is away, and nobody needs to wait for it. `now` is monotonic. Raises OSError when the
        volume refuses.
        """
        if served is None:
            self.withdraw()
            return
        if served == self._told:
            if now - self._told_at >= _RENEW_SECONDS:
                self._renew(served)
                self._told_at = now
            return
        self._write(served)
        self._told, self._told_at = served, now

    def _renew(self, served: ServedModels) -> None:
        make_folder(self._folder)
        self._volume_time()  # changes the folder, so that it is not taken from a cache
        with suppress(OSError):  # it is gone, or nobody may set dates here
            facts = self._path.lstat()
            if (facts.st_ino, facts.st_size) == self._written:
                os.utime(self._path)
                return
        self._write(served)  # somebody has tidied up, or written there

    def _write(self, served: ServedModels) -> None:
        make_folder(self._folder)
        replace_file(self._path, _REPORT.dump_json({name: dict(model) for name, model in served.items()}))
        facts = self._path.lstat()
        self._written = facts.st_ino, facts.st_size

    def withdraw(self) -> None:
        """This pod, or its server, is away."""
        if self._told is not None:
            self._path.unlink(missing_ok=True)
            self._told = None

    def others(self) -> Mapping[str, ServedModels]:
        """Pod -> states of its server, for the pods that are alive.

        Ages are taken between times of files on the volume, so the pods' clocks need not agree. A file that
        is dated far into the future is as dead as an old one.
        """
        alive = {}
        for path, age in self._ages():
            if abs(age) <= LIVE_SECONDS:
                with suppress(OSError, ValueError):  # withdrawn meanwhile, or not written by a sidecar
                    alive[path.stem] = _REPORT.validate_json(path.read_bytes())
        return alive

    def somebody_is_silent(self) -> bool:
        """Whether a pod that has not withdrawn has told nothing for a while, but did not long ago.

        Its server may hold files of versions that all the others have let go of.
        """
        return any(LIVE_SECONDS < abs(age) <= _GONE_SECONDS for _, age in self._ages())

    def ask_for_listing(self) -> None:
        """Leave a note for the pod that writes: list the bucket now. Raises OSError."""
        make_folder(self._folder)
        self._note.touch()

    def take_notes(self) -> bool:
        """Whether some pod has left such a note; the notes are taken away, those that can be."""
        taken = False
        with suppress(OSError):
            for note in self._folder.glob("[!.]*.look"):
                note.unlink()
                taken = True
        return taken

    def _ages(self) -> Iterator[tuple[Path, float]]:
        """The reports of the other pods, and seconds since they were renewed."""
        now: float | None = None
        for path in sorted(self._folder.glob("[!.]*.json")):
            if path == self._path:
                continue
            now = self._volume_time() if now is None else now
            with suppress(OSError):  # withdrawn between the two calls
                renewed = _renewed_at(path)
                if renewed is not None:
                    yield path, now - renewed

    def _volume_time(self) -> float:
        probe = self._path.with_suffix(".time")
        probe.unlink(missing_ok=True)
        made = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            return os.fstat(made).st_mtime
        finally:
            os.close(made)
            probe.unlink(missing_ok=True)


def _renewed_at(path: Path) -> float | None:
    """Date of a report as it is now; None for what is none. Raises OSError."""
    if not stat.S_ISREG(path.lstat().st_mode):  # to open a pipe or a device may do something
        return None
    descriptor = os.open(path, _READ_NOW)
    try:
        facts = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    return facts.st_mtime if facts.st_size <= _MOST_BYTES else None
