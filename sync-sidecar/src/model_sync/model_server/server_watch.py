"""What this pod's model server, and those of the other pods on the volume, say over time.

One pod writes models and config.json; all servers read them. A change is complete only when every live server
has made it, so each pod keeps a file with its server's states fresh, and the writer looks at all of them.
"""

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from edge_common.atomic_files import make_folder, replace_file
from edge_common.errors import RetryableError
from edge_common.logs import get_logger
from edge_common.served_state import ServedModels, VersionState
from pydantic import TypeAdapter

from model_sync.model_server.client import AnswersServed, ServerBusyError
from model_sync.planning.load_failures import LoadWatch
from model_sync.planning.snapshot import ServerSnapshot, by_model
from model_sync.planning.state import State

_REPORT = TypeAdapter(dict[str, dict[int, VersionState]])

_LIVE_SECONDS = 15.0
"""A file that was not renewed for so long belongs to a pod that nobody waits for."""
_GONE_SECONDS = 600.0
"""Seconds after which nobody expects that pod, or its server, to be there any more."""
_RENEW_SECONDS = 4.0
_MOST_BYTES = 16 * 1024**2
"""Of a report; some 100,000 versions."""

_LEAST_READY_FIRST = (
    VersionState.FAILED,
    VersionState.LOADING,
    VersionState.START,
    VersionState.UNLOADING,
    VersionState.END,
    VersionState.AVAILABLE,
)


class Replicas:
    """The folder `replicas/` on the volume; `own` is this pod's name, unlike all others."""

    def __init__(self, folder: Path, own: str) -> None:
        """Nothing is read or written yet."""
        self._folder = folder
        self._path = folder / f"{own}.json"
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
        try:
            facts = self._path.lstat()
            if (facts.st_ino, facts.st_size) == self._written:
                os.utime(self._path)
                return
        except FileNotFoundError:
            pass
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
        now: float | None = None
        for path in sorted(self._folder.glob("[!.]*.json")):
            if path == self._path:
                continue
            now = self._volume_time() if now is None else now
            try:
                facts = path.lstat()
                plain = stat.S_ISREG(facts.st_mode) and facts.st_size <= _MOST_BYTES
                if plain and abs(now - facts.st_mtime) <= _LIVE_SECONDS:
                    alive[path.stem] = _REPORT.validate_json(path.read_bytes())
            except (OSError, ValueError):
                continue  # withdrawn between the two calls, or not written by a sidecar
        return alive

    def somebody_is_silent(self) -> bool:
        """Whether a pod that has not withdrawn has told nothing for a while, but did not long ago.

        Its server may hold files of versions that all the others have let go of.
        """
        now: float | None = None
        for path in self._folder.glob("[!.]*.json"):
            if path == self._path:
                continue
            now = self._volume_time() if now is None else now
            with suppress(OSError):  # withdrawn meanwhile
                if _LIVE_SECONDS < abs(now - path.lstat().st_mtime) <= _GONE_SECONDS:
                    return True
        return False

    def _volume_time(self) -> float:
        probe = self._path.with_suffix(".time")
        probe.touch()
        os.utime(probe)
        return probe.stat().st_mtime


def _common(told: Mapping[str, ServedModels]) -> ServedModels | None:
    """What those who have told have in common; None when nobody has."""
    if not told:
        return None
    first, *rest = told
    return merge_served(told[first], {pod: told[pod] for pod in rest})


def merge_served(own: ServedModels, others: Mapping[str, ServedModels]) -> ServedModels:
    """The states as the writer has to see them: a version is as far as the server that is least far.

    What one server does not know counts as LOADING while another has it, and as END once the others ended it.
    """
    if not others:
        return own
    everybody = [own, *others.values()]
    merged: dict[str, dict[int, VersionState]] = {}
    for name in {name for served in everybody for name in served}:
        local_versions = {local_version for served in everybody for local_version in served.get(name, {})}
        merged[name] = {
            local_version: _least_ready([served.get(name, {}).get(local_version) for served in everybody])
            for local_version in local_versions
        }
    return merged


def _least_ready(states: list[VersionState | None]) -> VersionState:
    known = {state for state in states if state is not None}
    if known == {VersionState.END}:
        return VersionState.END
    if VersionState.AVAILABLE in known and VersionState.END in known:
        known.add(VersionState.UNLOADING)  # ended on one, answering on another: neither gone nor relied upon
    if None in states:
        known.add(VersionState.LOADING)
    return min(known, key=_LEAST_READY_FIRST.index)


_log = get_logger()


@dataclass
class ServerWatch:
    """Asks the server and remembers. Used by one thread."""

    server: AnswersServed
    replicas: Replicas | None = None
    """Where this pod and others on the volume tell what their servers serve; None: nothing is told."""
    _own: ServedModels | None = None
    """What this pod's server said last; None while it is away."""
    _busy_since: float | None = None
    _failures: int = 0
    _loads: LoadWatch = field(default_factory=LoadWatch)

    def ask(self, state: State, now: float) -> ServerSnapshot:
        """What is served; `state` tells which loads to watch, `now` is monotonic.

        Raises OSError when the volume refuses what this pod has to tell the others.
        """
        self._ask_own(now)
        busy_for = None if self._busy_since is None else now - self._busy_since
        others: Mapping[str, ServedModels] = {}
        silent = False
        if self.replicas is not None:
            if busy_for is None:  # what others read of a server is never older than their patience with it
                self.replicas.report(self._own, now)
            others, silent = self.replicas.others(), self.replicas.somebody_is_silent()
        # the others do not wait for a server that has said nothing for as long as for a pod that is gone
        told = dict(others)
        if self._own is not None and not (others and (busy_for or 0.0) > _LIVE_SECONDS):
            told[""] = self._own
        self._loads.observe(state, self._own, now, others, busy=busy_for is not None)
        return ServerSnapshot(
            url=self.server.url,
            own=self._own,
            served=_common(told),
            outdated=busy_for is not None and "" in told,
            complete=self._own is not None and busy_for is None and not silent,
            busy_for=busy_for,
            failures=self._failures,
            loading_for=by_model(self._loads.loading_for),
            load_crashes=by_model(self._loads.crashes),
        )

    def _ask_own(self, now: float) -> None:
        try:
            own = self.server.served()
        except ServerBusyError as error:
            if self._busy_since is None:
                _log.warning("server_busy", reason=str(error))
                self._busy_since = now
            return
        except RetryableError as error:
            if not self._failures:
                _log.warning("server_away", reason=str(error))
            self._failures += 1
            self._own = self._busy_since = None
            return
        if self._failures or self._busy_since is not None:
            _log.info("server_returned")
        self._own, self._failures, self._busy_since = own, 0, None
