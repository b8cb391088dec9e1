"""A trace for each version that came to answer, or was rejected, from when its upload was seen."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from edge_common.traces import Traces, start_traces

from model_sync.planning.uploads import Phase
from model_sync.status.changes import Change, Key

_UNDER_WAY = frozenset(
    {
        Phase.WAITING,
        Phase.DOWNLOADING,
        Phase.VERIFYING,
        Phase.PREFLIGHT,
        Phase.PUBLISHING,
        Phase.ACTIVATING,
    }
)
_MOST_STEPS = 100
"""Of one version; a store that comes and goes makes some for each time."""
_NANOSECONDS = 1e9


@dataclass
class SwapTraces:
    """Follows the reports. Used by the loop's thread."""

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
        facts: dict[str, Any] = {
            "model": model,
            "version": version,
            "bytes": row.size if row is not None else 0,
        }
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
