"""Several pods on one volume: what each pod's own server serves, told through files on that volume.

One pod writes models and config.json; all servers read them. A change is complete only when every live server
made it, so each pod keeps a file with its server's states fresh, and the writer looks at all of them.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from edge_common.atomic_files import replace_file
from edge_common.served_state import ServedModels, VersionState

_LIVE_SECONDS = 15.0
"""A file that was not renewed for so long belongs to a pod that is gone."""

_LEAST_READY_FIRST = (
    VersionState.FAILED,
    VersionState.LOADING,
    VersionState.START,
    VersionState.UNLOADING,
    VersionState.END,
    VersionState.AVAILABLE,
)


class Replicas:
    """The folder `replicas/` on the volume; `own` is this pod's name."""

    def __init__(self, folder: Path, own: str) -> None:
        """Nothing is read or written yet."""
        self._folder = folder
        self._own = own

    def report(self, served: ServedModels) -> None:
        """Tell the others what this pod's server serves; raises OSError when the volume refuses."""
        self._folder.mkdir(exist_ok=True)
        states = {name: {str(n): state.value for n, state in model.items()} for name, model in served.items()}
        replace_file(self._folder / f"{self._own}.json", json.dumps(states).encode())

    def withdraw(self) -> None:
        """This pod ends: nobody needs to wait for its server."""
        (self._folder / f"{self._own}.json").unlink(missing_ok=True)

    def others(self) -> Mapping[str, ServedModels]:
        """Pod -> states of its server, for the pods that are alive.

        Ages are taken between times of files on the volume, so the pods' clocks need not agree.
        """
        now = self._volume_time()
        alive = {}
        for path in sorted(self._folder.glob("*.json")):
            if path.stem == self._own or path.name.startswith("."):
                continue
            try:
                if now - path.stat().st_mtime <= _LIVE_SECONDS:
                    alive[path.stem] = _parse(path.read_bytes())
            except (OSError, ValueError):
                continue  # withdrawn between the two calls, or written by something else
        return alive

    def _volume_time(self) -> float:
        probe = self._folder / f".{self._own}.time"
        self._folder.mkdir(exist_ok=True)
        probe.touch()
        os.utime(probe)
        return probe.stat().st_mtime


def merge_served(own: ServedModels, others: Mapping[str, ServedModels]) -> ServedModels:
    """The states as the writer has to see them: a version is as far as the server that is least far.

    A version that one server does not know counts as LOADING while another has it, and as END once the others
    ended it.
    """
    if not others:
        return own
    merged: dict[str, dict[int, VersionState]] = {}
    everybody = [own, *others.values()]
    for name in {name for served in everybody for name in served}:
        numbers = {number for served in everybody for number in served.get(name, {})}
        merged[name] = {
            number: _least_ready([served.get(name, {}).get(number) for served in everybody])
            for number in numbers
        }
    return merged


def _least_ready(states: list[VersionState | None]) -> VersionState:
    known = [state for state in states if state is not None]
    if len(known) < len(states) and any(state is not VersionState.END for state in known):
        known.append(VersionState.LOADING)
    if set(known) == {VersionState.AVAILABLE, VersionState.END}:
        # one server has ended it, another still serves it: neither ended nor to be relied upon
        return VersionState.UNLOADING
    return min(known, key=_LEAST_READY_FIRST.index)


def _parse(content: bytes) -> ServedModels:
    data = json.loads(content)
    return {
        str(name): {int(number): VersionState(state) for number, state in model.items()}
        for name, model in data.items()
    }
