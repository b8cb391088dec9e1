"""The reload cycle: make what is served agree with config.json and the version folders.

One cycle at a time. New versions are AVAILABLE before old ones are let go; a version with changed settings is
compiled beside the one that answers. Reading and compiling happen in a thread, every change of state on the
event loop.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TypeVar

from edge_common.logs import get_logger
from edge_common.served_state import VersionState

from ovms_lite.config.entries import ModelConfig
from ovms_lite.config.source import ConfigSource
from ovms_lite.errors import Fault, LoadError, RequestError
from ovms_lite.models.catalogue import Catalogue, ModelRecord, VersionRecord
from ovms_lite.models.loading import ModelLoader
from ovms_lite.models.repository import VersionListing, list_versions
from ovms_lite.models.servable import Servable
from ovms_lite.reload.plan import Listing, versions_to_load, versions_to_retire
from ovms_lite.repeated_failures import RepeatedFailures

_Result = TypeVar("_Result")
_DRAIN_WAIT_SECONDS = 1.0
"""How long a cycle waits for retired versions to be unused; longer requests are finished behind its back."""

_GLANCES_PER_POLL = 10
"""How often within a poll interval to glance whether config.json was replaced. OVMS waits for the whole
interval; a sidecar that publishes by rename is answered sooner here."""

log = get_logger()


@dataclass(frozen=True, slots=True)
class CycleOutcome:
    """What a cycle came to: None, or the fault and HTTP status that a reload call reports."""

    failure: RequestError | None = None


class Reloader:
    """Runs cycles. `source` gives config.json; `thread` runs what blocks."""

    def __init__(
        self, catalogue: Catalogue, source: ConfigSource, loader: ModelLoader, thread: Executor
    ) -> None:
        self._catalogue = catalogue
        self._source = source
        self._loader = loader
        self._thread = thread
        self._one_at_a_time = asyncio.Lock()
        self._models: Sequence[ModelConfig] = ()
        self._failures = RepeatedFailures()
        self._draining: set[asyncio.Task[None]] = set()
        self.first_cycle_done = False

    @property
    def is_running(self) -> bool:
        """Whether a cycle is under way."""
        return self._one_at_a_time.locked()

    async def run_cycle(self, *, forced: bool = False) -> CycleOutcome:
        """Read what changed and act on it. `forced` also retries a config.json that failed before."""
        async with self._one_at_a_time:
            failures: list[int] = []
            change = await self._blocking(lambda: self._source.read_change(forced=forced))
            if change.unreadable:
                self._failures.report(
                    "config.json", "config.json cannot be read; serving what was configured"
                )
                if forced:
                    return CycleOutcome(RequestError(Fault.CONFIG_UNREADABLE))
            elif change.error is not None:
                self._failures.report("config.json", str(change.error))
                if forced:
                    return CycleOutcome(RequestError(Fault.RELOAD_CONFIG_FAILED, status=412))
            elif change.config is not None:
                self._failures.forget("config.json")
                self._models = change.config.models
                failures.extend(500 for _ in change.config.duplicates)
                for name in change.config.duplicates:
                    log.warning("model is listed twice, the first entry counts", model=name)
                log.info("config.json taken up", models=[model.name for model in self._models])
            for model in self._models:
                failures.extend(await self._update(model))
            self._retire_unlisted()
            await self._drain_briefly()
            self.first_cycle_done = True
            if change.config is not None:
                self._source.remember_success(not failures)
            if not failures:
                return CycleOutcome()
            fault = Fault.RELOAD_VERSIONS_FAILED if change.config is None else Fault.RELOAD_CONFIG_FAILED
            return CycleOutcome(RequestError(fault, status=failures[0]))

    async def poll(self, seconds: float, stop: asyncio.Event) -> None:
        """Run a cycle every `seconds` until `stop`, and soon after config.json was replaced; 0 runs none."""
        while seconds and not stop.is_set():
            await self._wait_for_replacement(seconds, stop)
            if stop.is_set():
                return
            try:
                await self.run_cycle()
            except Exception:  # the loop that keeps the models up to date must outlive a defect of one cycle
                log.exception("unexpected error, please report", during="reload cycle")

    async def _wait_for_replacement(self, seconds: float, stop: asyncio.Event) -> None:
        for _ in range(_GLANCES_PER_POLL):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), seconds / _GLANCES_PER_POLL)
            if stop.is_set() or self._source.was_replaced():
                return

    async def _update(self, config: ModelConfig) -> list[int]:
        """Bring one model to its wanted versions; the reload statuses of what failed, first failure first."""
        model = self._catalogue.register(config.name)
        subject = f"model {config.name}"
        try:
            found: VersionListing = await self._blocking(lambda: list_versions(config.base_path))
        except OSError as error:
            reason = f"{config.base_path} cannot be listed: {error.strerror}; what is served stays served"
            self._failures.report(subject, reason, model=config.name)
            return [400]
        self._failures.forget(subject)
        for name in found.ignored:
            self._failures.report(
                f"{subject} folder {name}",
                f"{config.base_path / name} is no version: name it with a whole number without leading zeros",
                model=config.name,
            )
        statuses: list[int] = []
        broken: frozenset[int] = frozenset()
        while True:
            listing = _listing(model, config, found.versions, broken)
            newly_broken = set()
            for version in versions_to_load(listing, config.policy):
                status = await self._load(model, config, version)
                if status:
                    newly_broken.add(version)
                    statuses.append(status)
            if not newly_broken:
                break
            broken |= newly_broken
        listing = _listing(model, config, found.versions, broken)
        for version in versions_to_retire(listing, config.policy, model.versions.keys()):
            self._retire(model, model.versions[version])
        return statuses

    async def _load(self, model: ModelRecord, config: ModelConfig, version: int) -> int:
        """Load a version; 0 when it answers now, else the reload status of its failure."""
        record = model.record(version)
        before = record.servable
        subject = f"model {config.name} version {version}"
        if before is None and record.state is not VersionState.FAILED:
            record.move_to(VersionState.LOADING)
        try:
            loaded = await self._blocking(lambda: self._loader.load(config, version))
        except LoadError as error:
            self._failures.report(subject, str(error), model=config.name, version=version)
            record.move_to(VersionState.FAILED)
            status = error.reload_status
        else:
            self._failures.forget(subject)
            record.move_to(VersionState.AVAILABLE, Servable(config, version, loaded))
            log.info("version available", model=config.name, version=version)
            status = 0
        model.choose_default()
        if before is not None:
            self._drain(before, record)
        return status

    def _retire(self, model: ModelRecord, record: VersionRecord) -> None:
        servable = record.servable
        if servable is not None:
            record.move_to(VersionState.UNLOADING)
            model.choose_default()
            log.info("version retired", model=model.name, version=record.version)
            self._drain(servable, record)
        elif record.state is not VersionState.UNLOADING:
            record.move_to(VersionState.END)
        self._failures.forget(f"model {model.name} version {record.version}")

    def _retire_unlisted(self) -> None:
        listed = {model.name for model in self._models}
        for name, model in self._catalogue.models.items():
            if name not in listed:
                for record in model.ordered():
                    self._retire(model, record)

    def _drain(self, servable: Servable, record: VersionRecord) -> None:
        async def end_when_unused() -> None:
            await servable.wait_until_unused()
            if record.state is VersionState.UNLOADING:
                record.move_to(VersionState.END)

        task = asyncio.get_running_loop().create_task(end_when_unused())
        self._draining.add(task)
        task.add_done_callback(self._draining.discard)

    async def _drain_briefly(self) -> None:
        if self._draining:
            await asyncio.wait(set(self._draining), timeout=_DRAIN_WAIT_SECONDS)

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
