"""Whether a new version is clearly worse than the one before, and how far its watch has come. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from model_sync.swap_watch.comparisons import Comparison, Signal, comparisons
from model_sync.swap_watch.observations import Watch, WatchRecord

_LEAST_OBSERVATIONS = 3
"""In which what is bad must have grown: one burst is no trend."""


@dataclass(frozen=True)
class StillWatching:
    """Nothing is found so far."""

    sentence: str


@dataclass(frozen=True)
class Kept:
    """Its time is over, and nothing was found."""

    sentence: str


@dataclass(frozen=True)
class Breach:
    """It does clearly worse; `signal` in what."""

    signal: Signal
    sentence: str


Verdict = StillWatching | Kept | Breach


def judge(record: WatchRecord) -> Verdict:
    """What follows from `record`: the first breach in it, else whether the watch is over. Never raises."""
    bad: dict[tuple[Signal, str], int] = {}
    grown: dict[tuple[Signal, str], int] = {}
    found: list[Comparison] = []
    for observation in record.observations:
        found = list(comparisons(record.before, observation.seen))
        for one in found:
            key = one.signal, one.who
            grown[key] = grown.get(key, 0) + (one.bad > bad.get(key, 0))
            bad[key] = max(one.bad, bad.get(key, 0))
        breach = _breach([one for one in found if one.is_judged], grown)
        if breach is not None:
            sentence = f"after the swap {breach.sentence} with version {record.watch.before}"
            return Breach(breach.signal, sentence)
    compared = sorted({one.signal.value.replace("_", " ") for one in found if one.is_judged})
    said = f"compared: {', '.join(compared)}" if compared else "too little was seen to compare"
    over = bool(record.observations) and record.observations[-1].at >= record.watch.until
    return Kept(f"no worse than {record.watch.before}; {said}") if over else StillWatching(said)


def _breach(judged: Iterable[Comparison], grown: Mapping[tuple[Signal, str], int]) -> Comparison | None:
    """What more than half of those who can tell see; the server is alone in what it tells."""
    by_signal: dict[Signal, list[Comparison]] = {}
    for one in judged:
        by_signal.setdefault(one.signal, []).append(one)
    for told in by_signal.values():
        worse = [one for one in told if grown[one.signal, one.who] >= _LEAST_OBSERVATIONS and one.is_breach]
        if 2 * len(worse) > len(told):
            return max(worse, key=lambda one: one.of)
    return None


class WatchState(StrEnum):
    """What has become of a watch."""

    WATCHING = "watching"
    KEPT = "kept"
    """Nothing was found in its time."""
    WENT_BACK = "went_back"
    WORSE = "worse"
    """A breach was found, and there is no version to go back to."""
    ENDED = "ended"
    """Nobody is to decide any more: another version answers, or a person has pinned one."""


@dataclass(frozen=True)
class WatchProgress:
    """One watch, and what was seen in it so far."""

    watch: Watch
    state: WatchState
    sentence: str
    requests: int = 0
    """Of the model server."""
    answers: int = 0
    """That clients have reported, and pictures without one."""


def progress(record: WatchRecord, verdict: Verdict) -> WatchProgress:
    """What is to be told of `record`, of which `verdict` is what follows; a breach counts as WORSE."""
    states = {StillWatching: WatchState.WATCHING, Kept: WatchState.KEPT, Breach: WatchState.WORSE}
    state = states[type(verdict)]
    if not record.observations:
        return WatchProgress(record.watch, state, verdict.sentence)
    seen = record.observations[-1].seen
    answers = sum(client.answered + client.refused for client in seen.clients.values())
    sentence = verdict.sentence
    if seen.server is None or record.before.server is None:
        sentence += "; the model server's metrics are not there, so only clients' reports count"
    requests = seen.server.requests if seen.server is not None else 0
    return WatchProgress(record.watch, state, sentence, requests, answers)
