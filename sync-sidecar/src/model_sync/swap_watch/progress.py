"""How far a watch has come, as the status tells it. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from model_sync.swap_watch.judgement import Breach, Kept, Verdict
from model_sync.swap_watch.observations import Watch, WatchRecord


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
    state = WatchState.KEPT if isinstance(verdict, Kept) else WatchState.WATCHING
    if isinstance(verdict, Breach):
        state = WatchState.WORSE
    if not record.observations:
        return WatchProgress(record.watch, state, verdict.sentence)
    seen = record.observations[-1].seen
    answers = sum(client.answered + client.refused for client in seen.clients.values())
    sentence = verdict.sentence
    if seen.server is None or record.before.server is None:
        sentence += "; the model server's metrics are not there, so only clients' reports count"
    requests = seen.server.requests if seen.server is not None else 0
    return WatchProgress(record.watch, state, sentence, requests, answers)
