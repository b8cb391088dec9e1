"""Versions on their way from one state to the next: loaded, retired, let go; the log tells each step."""

import asyncio
from concurrent.futures import Executor

from edge_common.logs import get_logger
from edge_common.served_state import VersionState

from ovms_lite.config.entries import ModelConfig
from ovms_lite.errors import LoadError
from ovms_lite.repository.load import ModelLoader
from ovms_lite.serving.catalogue import ModelRecord, VersionRecord
from ovms_lite.serving.servable import Servable

_DRAIN_WAIT_SECONDS = 1.0
"""How long a cycle waits for retired versions to be unused; longer requests are finished behind its back."""

_log = get_logger()


class FailureLog:
    """Logs a failure that repeats the 1st, 2nd, 4th, 8th … time, with its count."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, int]] = {}

    def report(self, event: str, subject: str, reason: str, **facts: object) -> None:
        """Count one failure of `subject`; a new reason is logged at once."""
        last_reason, count = self._seen.get(subject, ("", 0))
        count = count + 1 if reason == last_reason else 1
        self._seen[subject] = (reason, count)
        if count & (count - 1) == 0:
            _log.warning(event, **facts, reason=reason, count=count)

    def forget(self, subject: str) -> None:
        """Begin anew: the subject is well again, or gone."""
        self._seen.pop(subject, None)


class Transitions:
    """Changes the states of versions. Files are read and models compiled in `thread`."""

    def __init__(self, loader: ModelLoader, thread: Executor, failures: FailureLog) -> None:
        self._loader = loader
        self._thread = thread
        self._failures = failures
        self._draining: set[asyncio.Task[None]] = set()

    async def load(self, model: ModelRecord, config: ModelConfig, version: int) -> int:
        """Make a version AVAILABLE, in the place of its predecessor of that number; 0 when it is.

        Else the version is FAILED, and the result is the HTTP status with which a reload call reports that.
        """
        record = model.record(version)
        before = record.servable
        if before is None and record.state is not VersionState.FAILED:
            record.move_to(VersionState.LOADING)
        status = 0
        try:
            loaded = await asyncio.get_running_loop().run_in_executor(
                self._thread, self._loader.load, config, version
            )
        except LoadError as error:
            status = error.reload_status
            self._failures.report(
                "version_failed", _subject(model, version), str(error), model=model.name, version=version
            )
            record.move_to(VersionState.FAILED)
        else:
            self._failures.forget(_subject(model, version))
            record.move_to(VersionState.AVAILABLE, Servable(config, version, loaded))
            _log.info("version_loaded", model=model.name, version=version)
        model.choose_default()
        if before is not None:
            self._drain(before, record)
        return status

    def must_wait(self, model: ModelRecord, version: int) -> bool:
        """Whether requests still use what had this number; as with OVMS, it ends before it is loaded anew.

        OVMS waits with all models; here the others go on.
        """
        record = model.versions.get(version)
        if record is None or record.state is not VersionState.UNLOADING:
            return False
        reason = "requests are still being answered by what had this number before"
        self._failures.report(
            "version_waits", _subject(model, version), reason, model=model.name, version=version
        )
        return True

    def retire(self, model: ModelRecord, record: VersionRecord) -> None:
        """Let a version go; it is UNLOADING while requests use it, then END."""
        servable = record.servable
        if servable is not None:
            record.move_to(VersionState.UNLOADING)
            model.choose_default()
            _log.info("version_retired", model=model.name, version=record.version)
            self._drain(servable, record)
        elif record.state is not VersionState.UNLOADING:
            record.move_to(VersionState.END)
        self._failures.forget(_subject(model, record.version))

    async def drain_briefly(self) -> None:
        """Wait until what was retired is unused, for a second at most."""
        if self._draining:
            await asyncio.wait(set(self._draining), timeout=_DRAIN_WAIT_SECONDS)

    def _drain(self, servable: Servable, record: VersionRecord) -> None:
        async def end_when_unused() -> None:
            await servable.wait_until_unused()
            if record.state is VersionState.UNLOADING:
                record.move_to(VersionState.END)

        task = asyncio.get_running_loop().create_task(end_when_unused())
        self._draining.add(task)
        task.add_done_callback(self._draining.discard)


def _subject(model: ModelRecord, version: int) -> str:
    return f"model {model.name} version {version}"
