"""Tells everybody what has changed since the step before: HTTP, the log, the metrics, and traces."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from edge_common.logs import get_logger
from edge_common.traces import Traces, start_traces

from model_sync.bucket.catalog import Catalog
from model_sync.metrics import Metrics
from model_sync.planning.history import HistoryEntry
from model_sync.planning.plan import ModelPlan
from model_sync.planning.snapshot import Snapshot
from model_sync.planning.state import State
from model_sync.planning.uploads import Phase
from model_sync.status.history import History
from model_sync.status.status import Readiness, Site, readiness, status_document
from model_sync.status.version_reports import Key, VersionReport, report

_log = get_logger()

_TOLD_AT_INFO = frozenset(
    {Phase.WAITING, Phase.SERVING, Phase.REJECTED, Phase.HELD, Phase.RETIRING, Phase.PREVIOUS}
)
"""Phases worth a line of their own; the ones in between are passed through and told at DEBUG."""
_UNDER_WAY = frozenset(
    {Phase.WAITING, Phase.DOWNLOADING, Phase.VERIFYING, Phase.PREFLIGHT, Phase.PUBLISHING, Phase.ACTIVATING}
)
_MOST_STEPS = 100
"""Of one version; a store that comes and goes makes some for each time."""
_NANOSECONDS = 1e9


@dataclass
class Posted:
    """What the loop posted last; other threads read it, and each value is replaced, never changed."""

    document: Mapping[str, Any] = field(default_factory=dict)
    state: State = field(default_factory=State)
    readiness: Readiness = field(default_factory=Readiness)
    heartbeat: float = 0.0
    """Monotonic time of the loop's last sign of life."""
    catalog: Catalog | None = None
    """The last complete listing."""
    history: Sequence[HistoryEntry] = ()
    """What is remembered of the past, oldest first."""


@dataclass(frozen=True)
class Change:
    """A version is reported otherwise than before; None: not at all."""

    before: VersionReport | None
    after: VersionReport | None

    @property
    def key(self) -> Key:
        """Model and bucket version."""
        row = self.after or self.before
        return (row.model, row.bucket_version) if row is not None else ("", "")

    @property
    def is_of_phase(self) -> bool:
        """Whether the version has come, gone, or entered another phase."""
        return self.before is None or self.after is None or self.before.phase is not self.after.phase

    @property
    def ended_load(self) -> Phase | None:
        """SERVING or REJECTED, when that became of a version that the server was loading; else None."""
        loading = self.before is not None and self.before.phase is Phase.ACTIVATING
        phase = self.after.phase if self.after is not None else None
        return phase if loading and phase in {Phase.SERVING, Phase.REJECTED} else None

    @property
    def is_told_at_info(self) -> bool:
        """Whether the log tells it at INFO rather than at DEBUG."""
        return self.after is None or self.after.phase in _TOLD_AT_INFO

    @property
    def log_line(self) -> tuple[str, Mapping[str, Any]]:
        """The event and its keys."""
        model, bucket_version = self.key
        facts: dict[str, Any] = {"model": model, "bucket_version": bucket_version}
        if self.after is None:
            return "version_gone", facts
        facts |= {"local_version": self.after.local_version, "reason": self.after.reason}
        return f"version_{self.after.phase.value}", facts


def changes(before: Mapping[Key, VersionReport], after: Mapping[Key, VersionReport]) -> list[Change]:
    """What is to be told: another phase or another reason, a version that came or is gone."""
    found = []
    for key, row in after.items():
        known = before.get(key)
        if known is None or (known.phase, known.reason) != (row.phase, row.reason):
            found.append(Change(known, row))
    return found + [Change(row, None) for key, row in before.items() if key not in after]


def since_when(since: Mapping[Key, float], changed: Iterable[Change], now: float) -> dict[Key, float]:
    """Model and bucket version -> Unix time at which its phase began; `since` is that before the changes."""
    found = dict(since)
    for change in changed:
        if change.after is None:
            found.pop(change.key, None)
        elif change.is_of_phase:
            found[change.key] = now
    return found


@dataclass
class SwapTraces:
    """A trace for each version that came to answer, or was rejected, from when its upload was seen."""

    traces: Traces
    _steps: dict[Key, list[tuple[Phase, float]]] = field(default_factory=dict)
    """Model and bucket version -> each phase it was in so far, and the Unix time at which that began."""

    def follow(self, changed: Iterable[Change], now: float) -> None:
        """Note which phase each version came into, and send the trace of one that has arrived."""
        for change in changed:
            if not change.is_of_phase:
                continue
            phase = change.after.phase if change.after is not None else None
            if phase in _UNDER_WAY:
                steps = self._steps.setdefault(change.key, [])
                if len(steps) < _MOST_STEPS:
                    steps.append((phase, now))
                continue
            steps = self._steps.pop(change.key, [])
            if steps and phase in {Phase.SERVING, Phase.REJECTED}:
                self._send(change, steps, now)

    def _send(self, change: Change, steps: list[tuple[Phase, float]], now: float) -> None:
        from opentelemetry.trace import Status, StatusCode, set_span_in_context  # noqa: PLC0415 - it is on

        model, version = change.key
        row, tracer = change.after, self.traces.tracer
        size = row.size if row is not None else 0
        facts: dict[str, Any] = {"model": model, "version": version, "bytes": size}
        swap = tracer.start_span("model swap", start_time=_nanoseconds(steps[0][1]), attributes=facts)
        ends = [*(since for _, since in steps[1:]), now]
        for (phase, since), end in zip(steps, ends, strict=True):
            within = set_span_in_context(swap)
            step = tracer.start_span(phase.value, context=within, start_time=_nanoseconds(since))
            step.end(_nanoseconds(end))
        if row is not None and row.phase is Phase.REJECTED:
            swap.set_status(Status(StatusCode.ERROR, row.reason))
        swap.end(_nanoseconds(now))


def start_swap_traces() -> SwapTraces | None:
    """None where no collector is named; see `start_traces`."""
    traces = start_traces("model-sync")
    return SwapTraces(traces) if traces is not None else None


def _nanoseconds(seconds: float) -> int:
    return int(seconds * _NANOSECONDS)


@dataclass
class Reporter:
    """Compares each step with the one before, and posts. Used by the loop's thread."""

    site: Site
    metrics: Metrics
    posted: Posted = field(default_factory=Posted)
    history: History | None = None
    traces: SwapTraces | None = None
    _rows: Mapping[Key, VersionReport] = field(default_factory=dict)
    _since: Mapping[Key, float] = field(default_factory=dict)

    def report(self, snapshot: Snapshot, plans: Mapping[str, ModelPlan], *, writes: bool) -> None:
        """Post what `snapshot` and `plans` say; `writes`: whether this pod writes to the volume."""
        rows = {(row.model, row.bucket_version): row for row in report(snapshot, plans)}
        changed = changes(self._rows, rows)
        for change in changed:
            self._tell(change, snapshot.now)
        if self.history is not None:
            self.history.follow(snapshot, rows, self._rows, writes=writes)
            self.posted.history = self.history.entries
        if self.traces is not None and writes:
            self.traces.follow(changed, snapshot.now)
        self._rows, self._since = rows, since_when(self._since, changed, snapshot.now)
        pins = {name: made.pin for name, made in plans.items() if made.pin is not None}
        self.posted.document = status_document(
            snapshot, rows.values(), self._since, self.site, pins, writes=writes
        )
        self.posted.state, self.posted.catalog = snapshot.state, snapshot.bucket.catalog
        self.posted.readiness = readiness(self.posted.readiness, snapshot, plans, writes=writes)
        self._measure(snapshot, writes=writes)

    def _tell(self, change: Change, now: float) -> None:
        event, facts = change.log_line
        (_log.info if change.is_told_at_info else _log.debug)(event, **facts)
        if change.ended_load is Phase.REJECTED:
            self.metrics.loads.labels(result="error").inc()
        elif change.ended_load is Phase.SERVING:
            self.metrics.loads.labels(result="success").inc()
            if change.after is not None and change.after.uploaded_at is not None:
                self.metrics.activation_seconds.observe(max(0.0, now - change.after.uploaded_at))

    def _measure(self, snapshot: Snapshot, *, writes: bool) -> None:
        metrics, bucket = self.metrics, snapshot.bucket
        metrics.last_attempt.set(bucket.last_attempt or 0)
        metrics.last_success.set(bucket.last_success or 0)
        metrics.failures.set(bucket.failures)
        for phase in Phase:
            count = sum(row.phase is phase for row in self._rows.values())
            metrics.models.labels(state=phase.value).set(count)
        metrics.tell_served(
            {
                name: {number: _identity(snapshot.state, name, number) for number in model["serving"]}
                for name, model in self.posted.document["models"].items()
            }
        )
        metrics.leader.set(writes)
        metrics.server_up.set(snapshot.server.own is not None)
        metrics.disk_free.set(snapshot.room.free)
        stored = (v for model in snapshot.state.models.values() for v in model.stored.values())
        metrics.disk_used.set(sum(version.size for version in stored))


def _identity(state: State, model: str, local_version: int) -> tuple[str, str]:
    """Digest and signer of a version that answers; empty for what is not known."""
    stored = state.model(model).stored.get(local_version)
    if stored is None:
        return "", ""
    signature = stored.evidence.signature
    return stored.digest, signature.signer if signature is not None else ""
