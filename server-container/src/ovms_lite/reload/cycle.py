"""The reload cycle: make what is served agree with config.json and the version folders.

One cycle at a time. New versions are AVAILABLE before old ones are let go; a version with changed settings is
compiled beside the one that answers. Whatever blocks happens in a thread, every change of state on the event
loop.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import TypeVar

from edge_common.logs import get_logger

from ovms_lite.config.entries import ModelConfig
from ovms_lite.config.source import ConfigChange, ConfigSource
from ovms_lite.errors import Fault, RequestError
from ovms_lite.reload.plan import Listing, versions_to_load, versions_to_retire
from ovms_lite.reload.transitions import FailureLog, Transitions
from ovms_lite.repository.find import VersionListing, list_versions
from ovms_lite.repository.load import ModelLoader
from ovms_lite.serving.catalogue import Catalogue, ModelRecord

_Result = TypeVar("_Result")
_GLANCES_PER_POLL = 10
"""How often within a poll interval to glance whether config.json was replaced. OVMS waits for the whole
interval; a sidecar that publishes by rename is answered sooner here."""
_CONFIG = "config.json"

_log = get_logger()


class Reloader:
    """Runs cycles. `source` gives config.json; `thread` runs what blocks."""

    def __init__(
        self, catalogue: Catalogue, source: ConfigSource, loader: ModelLoader, thread: Executor
    ) -> None:
        self._catalogue = catalogue
        self._source = source
        self._thread = thread
        self._failures = FailureLog()
        self._transitions = Transitions(loader, thread, self._failures)
        self._one_at_a_time = asyncio.Lock()
        self._models: Sequence[ModelConfig] = ()
        self.first_cycle_done = False

    @property
    def is_running(self) -> bool:
        """Whether a cycle is under way."""
        return self._one_at_a_time.locked()

    async def run_cycle(self, *, forced: bool = False) -> RequestError | None:
        """Read what changed and act on it; None, or what a reload call answers when something failed.

        `forced` also acts on a config.json that failed before.
        """
        async with self._one_at_a_time:
            change = await self._blocking(lambda: self._source.read_change(forced=forced))
            refusal = self._take_up(change)
            if refusal is not None and forced:
                return refusal
            failures = [] if change.config is None else [500 for _ in change.config.duplicates]
            for model in self._models:
                failures.extend(await self._update(model))
            self._retire_unlisted()
            await self._transitions.drain_briefly()
            self.first_cycle_done = True
            if change.config is not None:
                self._source.remember_success(not failures)
            if not failures:
                return None
            fault = Fault.RELOAD_VERSIONS_FAILED if change.config is None else Fault.RELOAD_CONFIG_FAILED
            return RequestError(fault, status=failures[0])

    async def poll(self, seconds: float, stop: asyncio.Event) -> None:
        """Run a cycle every `seconds` until `stop`, and soon after config.json was replaced; 0 runs none."""
        while seconds and not stop.is_set():
            await self._wait_for_replacement(seconds, stop)
            if stop.is_set():
                return
            try:
                await self.run_cycle()
            except Exception:  # noqa: BLE001 - the loop must outlive a defect of one cycle
                _log.exception("cycle_crashed")

    async def _wait_for_replacement(self, seconds: float, stop: asyncio.Event) -> None:
        for _ in range(_GLANCES_PER_POLL):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), seconds / _GLANCES_PER_POLL)
            if stop.is_set() or self._source.was_replaced():
                return

    def _take_up(self, change: ConfigChange) -> RequestError | None:
        """Remember the models of a new config.json; the error of one that cannot be used."""
        if change.unreadable:
            self._failures.report(
                "config_rejected", _CONFIG, "it cannot be read; what was configured is served on"
            )
            return RequestError(Fault.CONFIG_UNREADABLE)
        if change.error is not None:
            self._failures.report("config_rejected", _CONFIG, str(change.error))
            return RequestError(Fault.RELOAD_CONFIG_FAILED, status=412)
        if change.config is not None:
            self._failures.forget(_CONFIG)
            self._models = change.config.models
            for name in change.config.duplicates:
                _log.warning("duplicate_ignored", model=name)
            _log.info("config_loaded", models=[model.name for model in self._models])
        return None

    async def _update(self, config: ModelConfig) -> list[int]:
        """Bring one model to its wanted versions; the reload statuses of what failed, first failure first."""
        model = self._catalogue.register(config.name)
        subject = f"model {config.name}"
        try:
            found = await self._blocking(lambda: list_versions(config.base_path))
        except OSError as error:
            reason = f"{config.base_path} cannot be listed: {error.strerror}; what is served stays served"
            self._failures.report("listing_failed", subject, reason, model=config.name)
            return [400]
        self._failures.forget(subject)
        self._report_ignored(config, found)
        statuses: list[int] = []
        broken: frozenset[int] = frozenset()
        must_wait = False
        while True:
            listing = _listing(model, config, found.versions, broken)
            newly_broken = set()
            for version in versions_to_load(listing, config.policy):
                if self._transitions.must_wait(model, version):
                    must_wait = True
                    continue
                status = await self._transitions.load(model, config, version)
                if status:
                    newly_broken.add(version)
                    statuses.append(status)
            if not newly_broken:
                break
            broken |= newly_broken
        if must_wait:
            return statuses  # nothing is retired for a version that cannot serve yet
        listing = _listing(model, config, found.versions, broken)
        for version in versions_to_retire(listing, config.policy, model.versions.keys()):
            self._transitions.retire(model, model.versions[version])
        return statuses

    def _report_ignored(self, config: ModelConfig, found: VersionListing) -> None:
        for name in found.ignored:
            folder = config.base_path / name
            reason = f"{folder} is no version: name it with a whole number without leading zeros"
            self._failures.report("folder_ignored", str(folder), reason, model=config.name)

    def _retire_unlisted(self) -> None:
        listed = {model.name for model in self._models}
        for name, model in self._catalogue.models.items():
            if name not in listed:
                for record in model.ordered():
                    self._transitions.retire(model, record)

    async def _blocking(self, work: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _listing(
    model: ModelRecord, config: ModelConfig, on_disk: frozenset[int], broken: frozenset[int]
) -> Listing:
    answering = {
        version: record.servable.config
        for version, record in model.versions.items()
        if record.servable is not None
    }
    current = frozenset(version for version, loaded in answering.items() if config.loads_like(loaded))
    return Listing(on_disk, current, frozenset(answering) - current, broken)
