"""What this process has begun or holds ready, and how it ends. All of it is lost with the process."""

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from edge_common.errors import EdgeError, RejectedError
from edge_common.logs import get_logger

from model_sync.cards.model_cards import ServingCards
from model_sync.gate.card_edits import CardEdits
from model_sync.gate.gate import Gate, StagedVersion
from model_sync.gate.jobs import FetchJobs, Key, Outcome
from model_sync.planning.actions import Fetch
from model_sync.planning.model_snapshot import Rules
from model_sync.planning.plan import ModelPlan
from model_sync.planning.rollout import describe_change, next_rejected_settings
from model_sync.planning.snapshot import Snapshot, Work, by_model
from model_sync.planning.uploads import next_rejection
from model_sync.preflight.child_process import Supervision
from model_sync.preflight.pool import WarmPreflight
from model_sync.volume.own_files import refusal
from model_sync.volume.recorded_state import RecordedState, WriteError

_log = get_logger()


@dataclass
class SettingsChecks:
    """At most one check at a time and model. Used by one thread; `work_done` is called from another."""

    preflight: WarmPreflight | None
    work_done: Callable[[], None]
    _pool: Executor = field(default_factory=lambda: ThreadPoolExecutor(1, "settings-check"))
    _running: dict[str, tuple[Mapping[str, Any], Future[None]]] = field(default_factory=dict)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def start(self, model: str, folder: Path, settings: Mapping[str, Any]) -> None:
        """Load the version in `folder` with `settings`; without preflight they count as usable."""
        future = self._pool.submit(self._check, folder, settings)
        self._running[model] = (settings, future)
        future.add_done_callback(lambda _: self.work_done())

    @property
    def running(self) -> frozenset[str]:
        """Models whose settings are in preflight."""
        return frozenset(self._running)

    def collect(self) -> dict[str, tuple[Mapping[str, Any], str | None]]:
        """Model -> settings of which the check has ended, and why they are rejected; None: they can be used.

        One that could not be made is simply gone.
        """
        ended: dict[str, tuple[Mapping[str, Any], str | None]] = {}
        for model in [model for model, (_, future) in self._running.items() if future.done()]:
            settings, future = self._running.pop(model)
            try:
                future.result()
                ended[model] = settings, None
            except RejectedError as error:
                ended[model] = settings, str(error)
            except EdgeError:
                continue  # the next plan asks again
        return ended

    def close(self) -> None:
        """End what runs."""
        self._stopping.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _check(self, folder: Path, settings: Mapping[str, Any]) -> None:
        if self.preflight is not None:
            with self.preflight.take() as child:
                child.check(folder, settings, watched=Supervision(self._stopping))


@dataclass
class UnderWay:
    """Fetches, settings checks, and what waits for the next plan. Used by one thread."""

    jobs: FetchJobs
    checks: SettingsChecks
    edits: CardEdits
    staged: dict[Key, StagedVersion] = field(default_factory=dict)
    checked_settings: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Model -> serving settings that passed preflight."""
    write_errors: dict[str, str] = field(default_factory=dict)
    """Model -> why the volume did not take its last change."""

    @classmethod
    def begin(cls, gate: Gate, cards: ServingCards, work_done: Callable[[], None]) -> Self:
        """Nothing yet; `work_done` is called from other threads whenever something has ended."""
        return cls(
            FetchJobs(gate, work_done),
            SettingsChecks(gate.preflight, work_done),
            CardEdits(cards, gate.preflight, work_done),
        )

    def abandon(self) -> None:
        """End the fetches and forget what was held ready: another pod writes now."""
        self.jobs.abandon()
        self.staged.clear()
        self.checked_settings.clear()
        self.write_errors.clear()

    def close(self) -> None:
        """End all of it and wait for that."""
        self.checks.close()
        self.edits.close()
        self.jobs.close()

    @property
    def snapshot(self) -> Work:
        """All of it as a value."""
        staged = {key: version.upload.upload_id for key, version in self.staged.items()}
        return Work(
            fetches=by_model(self.jobs.fetches()),
            fetch_errors=by_model(self.jobs.fetch_errors),
            staged=by_model(staged),
            settings_checks=self.checks.running | self.edits.running,
            checked_settings=dict(self.checked_settings),
            write_errors=dict(self.write_errors),
        )

    def take_in_ended(self, records: RecordedState, rules: Rules, *, now: float, time: float) -> None:
        """Record how fetches and checks have ended; `now` in Unix seconds, `time` monotonic."""
        for key, outcome in self.jobs.collect(time):
            self._take_outcome(key, outcome, records, rules, now)
        for name, (settings, rejection) in self.checks.collect().items():
            if rejection is None:
                self.checked_settings[name] = settings
                continue
            model = records.current.model(name)
            reason = f"{describe_change(model.settings, settings)} cannot be used: {rejection}"
            known = model.rejected_settings
            rejected = next_rejected_settings(known, settings, reason, now=now, rules=rules)
            records.change(name, replace(model, rejected_settings=rejected))

    def _take_outcome(
        self, key: Key, outcome: Outcome, records: RecordedState, rules: Rules, now: float
    ) -> None:
        name, bucket_version = key
        model = records.current.model(name)
        if isinstance(outcome, StagedVersion):
            same = model.stored_with(bucket_version, outcome.files)
            if same is None:
                self.staged[key] = outcome
            else:  # uploaded again, byte for byte
                renewed = replace(same, fingerprint=outcome.upload.fingerprint, evidence=outcome.evidence)
                records.change(name, model.with_stored(renewed))
                records.delete_staging(name, bucket_version)
            return
        rejection = next_rejection(
            model.rejections.get(bucket_version),
            upload_id=outcome.upload.upload_id,
            reason=outcome.reason,
            stage=outcome.stage,
            now=now,
            rules=rules,
        )
        records.change(name, model.with_rejection(bucket_version, rejection))

    def note_write_errors(
        self, snapshot: Snapshot, plans: Mapping[str, ModelPlan], errors: Iterable[WriteError]
    ) -> None:
        """Keep why the volume refused changes; what is known holds while the model's plan tries again."""
        known = self.write_errors
        noted = {
            name: known[name]
            for name in known
            if name in snapshot.names and (name not in plans or _tries_again(plans[name]))
        }
        for one in errors:
            reason = refusal(one.error)
            if known.get(one.model) != reason and one.model not in noted:
                _log.error("action_failed", model=one.model, action=one.doing, reason=reason)
            noted[one.model] = reason
        self.write_errors = noted


def _tries_again(plan: ModelPlan) -> bool:
    """Whether the plan is still on its way to what the volume refused."""
    return bool(plan.model.fetches) or any(isinstance(action, Fetch) for action in plan.actions)
