"""What the reconcile loop last found, for everybody who asks: HTTP, metrics, the log, the bucket.

The loop posts, other threads read; what is posted is never changed afterwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edge_common.logs import get_logger
from edge_common.served_state import available_versions

from model_sync.clock import Clock
from model_sync.loop.reconcile import Reconciler
from model_sync.metrics import Metrics
from model_sync.planning.standing import Phase
from model_sync.planning.state import State
from model_sync.status.status import VersionReport, iso_time, report_model, status_document

_log = get_logger()

_TOLD_AT_INFO = frozenset(
    {Phase.WAITING, Phase.SERVING, Phase.REJECTED, Phase.HELD, Phase.RETIRING, Phase.PREVIOUS}
)
"""Phases worth a line of their own; the ones in between are passed through and told at DEBUG."""

_CATCH_UP_LIMIT = 600.0
"""Seconds after which a pod that began with an empty volume is ready whatever is still on its way."""


@dataclass
class Board:
    """The latest status document, and whether this pod is ready."""

    instance: str
    endpoint: str
    bucket: str
    metrics: Metrics
    clock: Clock
    state: State = field(default_factory=State)
    document: Mapping[str, Any] = field(default_factory=dict)
    writes: bool = True
    """Whether this pod is the one that writes to the volume."""
    volume_trouble: str = ""
    """Why the volume could not be written in the last step; empty: it could."""
    ready: bool = False
    started: bool = False
    heartbeat: float = 0.0
    _began: float | None = None
    _caught_up: bool = False
    _told: dict[tuple[str, str], tuple[Phase, str]] = field(default_factory=dict)
    _since: dict[tuple[str, str], float] = field(default_factory=dict)

    def beat(self) -> None:
        """The loop is alive."""
        self.heartbeat = self.clock.monotonic()

    def post(self, reconciler: Reconciler) -> None:
        """Take in what `reconciler` found in its last step."""
        rows = [
            row
            for name, view in reconciler.views.items()
            for row in report_model(view, reconciler.plans[name], reconciler.obstacles.get(name))
        ]
        self._tell_changes(rows, reconciler)
        served = reconciler.server.served or {}
        self.state = reconciler.performer.state
        names = {row.model for row in rows}
        serving = {name: available_versions(served, name) for name in names}
        cycle = reconciler.bucket.cycle
        self.document = status_document(
            instance=self.instance,
            role="writer" if self.writes else "follower",
            now=self.clock.now(),
            cycle={
                "last_attempt": iso_time(cycle.last_attempt),
                "last_success": iso_time(cycle.last_success),
                "result": "none" if cycle.last_attempt is None else "error" if cycle.error else "success",
                "error": str(cycle.error) if cycle.error else None,
                "consecutive_failures": cycle.failures,
            },
            server={"url": reconciler.server.server.url, "reachable": reconciler.server.served is not None},
            store={
                "endpoint": self.endpoint,
                "bucket": self.bucket,
                "reachable": cycle.last_attempt is not None and cycle.error is None,
            },
            rows=rows,
            serving=serving,
            since=self._since,
            notices=[
                *(reconciler.bucket.catalog.notices if reconciler.bucket.catalog else ()),
                *_doubts(reconciler),
                *([self.volume_trouble] if self.volume_trouble else []),
            ],
        )
        self.started = cycle.last_attempt is not None or not self.writes
        own = reconciler.server.own
        self._caught_up = self._caught_up or self._has_caught_up(reconciler)
        self.ready = (
            self._caught_up
            and own is not None
            and all(
                local_version in available_versions(own, name)
                for name, model in self.state.models.items()
                for local_version in model.confirmed
            )
        )
        self._measure(rows, serving, reconciler)

    def _has_caught_up(self, reconciler: Reconciler) -> bool:
        """Whether this pod has what the bucket offered at its start, or had models on its volume already.

        Without this a pod with a volume of its own would get requests before its first download.
        """
        now = self.clock.monotonic()
        if self._began is None:
            self._began = now
            if any(model.confirmed for model in self.state.models.values()):
                return True
        in_step = reconciler.bucket.cycle.last_success is not None and not reconciler.busy
        return not self.writes or in_step or now - self._began > _CATCH_UP_LIMIT

    def _tell_changes(self, rows: list[VersionReport], reconciler: Reconciler) -> None:
        now = self.clock.now()
        current = {}
        for row in rows:
            key = (row.model, row.bucket_version)
            current[key] = (row.phase, row.reason)
            before = self._told.get(key)
            if before == current[key]:
                continue
            if before is None or before[0] is not row.phase:
                self._since[key] = now
            level = _log.info if row.phase in _TOLD_AT_INFO else _log.debug
            facts = {
                "model": row.model,
                "bucket_version": row.bucket_version,
                "local_version": row.local_version,
            }
            level(f"version_{row.phase.value}", **facts, reason=row.reason)
            if before is not None and before[0] is Phase.ACTIVATING:
                self._count_load(row, reconciler)
        for key in self._told.keys() - current.keys():
            _log.info("version_gone", model=key[0], bucket_version=key[1])
            self._since.pop(key, None)
        self._told = current

    def _count_load(self, row: VersionReport, reconciler: Reconciler) -> None:
        """Count what became of a version that the server was loading."""
        if row.phase is Phase.REJECTED:
            self.metrics.loads.labels(result="error").inc()
        elif row.phase is Phase.SERVING:
            self.metrics.loads.labels(result="success").inc()
            upload = reconciler.views[row.model].upload(row.bucket_version)
            if upload is not None:
                took = self.clock.now() - upload.modified
                self.metrics.activation_seconds.observe(max(0.0, took))

    def _measure(
        self, rows: list[VersionReport], serving: Mapping[str, list[int]], reconciler: Reconciler
    ) -> None:
        metrics = self.metrics
        metrics.last_attempt.set(reconciler.bucket.cycle.last_attempt or 0)
        metrics.last_success.set(reconciler.bucket.cycle.last_success or 0)
        metrics.failures.set(reconciler.bucket.cycle.failures)
        for phase in Phase:
            metrics.models.labels(state=phase.value).set(sum(row.phase is phase for row in rows))
        metrics.tell_served(serving)
        metrics.leader.set(self.writes)
        metrics.server_up.set(reconciler.server.served is not None)
        try:
            metrics.disk_free.set(reconciler.performer.volume.free_bytes())
        except OSError:
            metrics.disk_free.set(0)  # the volume is away; the step has told it
        stored = (v for model in self.state.models.values() for v in model.stored.values())
        metrics.disk_used.set(sum(version.size for version in stored))


def _doubts(reconciler: Reconciler) -> list[str]:
    doubts = [reconciler.bucket.doubt] if reconciler.bucket.doubt else []
    for name, view in reconciler.views.items():
        if view.card_problem:
            doubts.append(f"{name}: {view.card_problem}")
    return doubts
