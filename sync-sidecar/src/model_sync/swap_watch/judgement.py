"""Whether what was seen of a new version is clearly worse than what was seen of the one before. Pure.

Everything is reduced to shares: of requests that failed or were slow, of answers that were not sure, of
pictures without an answer, of answers whose labels the version before hardly gave. A share counts as risen
only when the lowest share that explains what is seen, with an error of one in a million, is above the highest
that explains what was seen before, by a margin that leaves room for another hour of the day.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from model_sync.swap_watch.evidence import log_evidence, upper_bound
from model_sync.swap_watch.observations import ABOVE, Answers, Seen, ServerCounts, WatchRecord


class Signal(StrEnum):
    """In what a version may be worse."""

    FAILED = "failed"
    SLOW = "slow"
    NOT_SURE = "not_sure"
    REFUSED = "refused"
    LABELS = "labels"


@dataclass(frozen=True)
class WatchRules:
    """What a clear breach is; shares from 0 to 1."""

    least_before: int = 50
    """Requests or answers of the version before, fewer are no evidence; of runs of equal answers."""
    least_after: int = 20
    """The same of the new one."""
    least_observations: int = 3
    """In which what is bad must have grown: one burst is no trend."""
    error: float = 1e-6
    """Probability with which one comparison, however often repeated, finds what is not there."""
    error_before: float = 1e-4
    """That with which the share before was higher than is taken for possible; the margin comes on top."""
    usual: float = 0.95
    """Share of the requests before that says what was usual."""
    slow_factor: float = 3.0
    """Times the usual from which a request counts as slow."""
    margins: tuple[tuple[Signal, float], ...] = (
        (Signal.FAILED, 0.05),
        (Signal.SLOW, 0.25),
        (Signal.NOT_SURE, 0.25),
        (Signal.REFUSED, 0.1),
        (Signal.LABELS, 0.3),
    )
    """How much each share may rise without harm."""
    most_labels: int = 10
    """Labels told apart; what is rarer before counts as one."""

    def margin(self, signal: Signal) -> float:
        """How much the share of `signal` may rise."""
        return dict(self.margins)[signal]


RULES = WatchRules()


@dataclass(frozen=True)
class Comparison:
    """One share, before and after; `who` is the reporter, empty for the server."""

    signal: Signal
    who: str
    bad: int
    of: int
    bad_before: int
    of_before: int
    alike: float = 1.0
    """How many of them count as one, because they say the same of one scene."""
    choices: int = 1
    """Ways in which what is bad could have been chosen; each costs certainty."""
    what: str = ""

    def is_judged(self, rules: WatchRules) -> bool:
        """Whether there is enough of both."""
        return min(self.of / rules.least_after, self.of_before / rules.least_before) >= self.alike

    def is_breach(self, rules: WatchRules) -> bool:
        """Whether the share has clearly risen by more than it may."""
        margin = rules.margin(self.signal)
        if not self.is_judged(rules) or self.bad / self.of <= self.bad_before / self.of_before + margin:
            return False
        error_before, error = rules.error_before / self.choices, rules.error / self.choices
        before = upper_bound(self.bad_before / self.alike, self.of_before / self.alike, error_before)
        evidence = log_evidence(self.bad / self.alike, self.of / self.alike, before + margin)
        return evidence >= -math.log(error)

    @property
    def sentence(self) -> str:
        """What was found, with the counts it rests on."""
        return f"{self.bad} of {self.of} {self.what}; before it {self.bad_before} of {self.of_before}"


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


def judge(record: WatchRecord, rules: WatchRules = RULES) -> Verdict:
    """What follows from `record`: the first breach in it, else whether the watch is over. Never raises."""
    bad: dict[tuple[Signal, str], int] = {}
    grown: dict[tuple[Signal, str], int] = {}
    found: list[Comparison] = []
    for observation in record.observations:
        found = list(comparisons(record.before, observation.seen, rules))
        for one in found:
            key = one.signal, one.who
            grown[key] = grown.get(key, 0) + (one.bad > bad.get(key, 0))
            bad[key] = max(one.bad, bad.get(key, 0))
        breach = _breach([one for one in found if one.is_judged(rules)], grown, rules)
        if breach is not None:
            sentence = f"after the swap {breach.sentence} with version {record.watch.before}"
            return Breach(breach.signal, sentence)
    compared = sorted({one.signal.value.replace("_", " ") for one in found if one.is_judged(rules)})
    said = f"compared: {', '.join(compared)}" if compared else "too little was seen to compare"
    over = bool(record.observations) and record.observations[-1].at >= record.watch.until
    return Kept(f"no worse than {record.watch.before}; {said}") if over else StillWatching(said)


def _breach(
    judged: Iterable[Comparison], grown: Mapping[tuple[Signal, str], int], rules: WatchRules
) -> Comparison | None:
    """What more than half of those who can tell see; the server is alone in what it tells."""
    by_signal: dict[Signal, list[Comparison]] = {}
    for one in judged:
        by_signal.setdefault(one.signal, []).append(one)
    for told in by_signal.values():
        worse = [
            one
            for one in told
            if grown[one.signal, one.who] >= rules.least_observations and one.is_breach(rules)
        ]
        if 2 * len(worse) > len(told):
            return max(worse, key=lambda one: one.of)
    return None


def comparisons(before: Seen, after: Seen, rules: WatchRules) -> Iterator[Comparison]:
    """Every share that both versions have, whether there is enough of it or not."""
    if before.server is not None and after.server is not None:
        yield from _of_server(before.server, after.server, rules)
    for who in sorted(before.clients.keys() & after.clients.keys()):
        yield from _of_client(who, before.clients[who], after.clients[who], rules)


def _of_server(before: ServerCounts, after: ServerCounts, rules: WatchRules) -> Iterator[Comparison]:
    counts = after.failed, after.requests, before.failed, before.requests
    yield Comparison(Signal.FAILED, "", *counts, what="requests to the model server failed")
    limit = _slow_from(before.times, rules)
    if limit is not None:
        slow = _over(after.times, limit), sum(after.times.values())
        slow_before = _over(before.times, limit), sum(before.times.values())
        what = f"requests took the model server more than {limit / 1000:.4g} ms"
        yield Comparison(Signal.SLOW, "", *slow, *slow_before, what=what)


def _slow_from(times: Mapping[int, int], rules: WatchRules) -> int | None:
    """The server's bound, in microseconds, above which a request is slow; None: none is known."""
    total, seen, usual = sum(times.values()), 0, 0
    for bound in sorted(times):
        seen += times[bound]
        if total and seen >= rules.usual * total:
            usual = bound
            break
    slow = [bound for bound in times if ABOVE > bound >= usual * rules.slow_factor]
    return min(slow) if usual and slow else None


def _over(times: Mapping[int, int], limit: int) -> int:
    return sum(count for bound, count in times.items() if bound > limit)


def _of_client(who: str, before: Answers, after: Answers, rules: WatchRules) -> Iterator[Comparison]:
    seen, seen_before = after.answered + after.refused, before.answered + before.refused
    what = f"pictures had no answer, as {who} reports"
    yield Comparison(Signal.REFUSED, who, after.refused, seen, before.refused, seen_before, what=what)
    alike = before.alike
    counts = after.not_sure, after.answered, before.not_sure, before.answered
    what = f"answers were not sure, as {who} reports"
    yield Comparison(Signal.NOT_SURE, who, *counts, alike, what=what)
    if before.label_set == after.label_set != "":
        yield from _of_labels(who, before, after, rules)


def _of_labels(who: str, before: Answers, after: Answers, rules: WatchRules) -> Iterator[Comparison]:
    """The total variation distance: the share of the labels that have become more frequent, before and after.

    Which labels these are is chosen by what is seen, so every set of labels counts as a choice.
    """
    common = sorted(before.labels, key=lambda label: (-before.labels[label], label))[: rules.most_labels]
    counts, counts_before = _grouped(after.labels, common), _grouped(before.labels, common)
    of, of_before = sum(counts.values()), sum(counts_before.values())
    if not of or not of_before:
        return
    risen = [label for label in counts if counts[label] / of > counts_before.get(label, 0) / of_before]
    bad = sum(counts[label] for label in risen)
    bad_before = sum(counts_before.get(label, 0) for label in risen)
    most = max(risen, key=lambda label: counts[label], default="")
    what = f"answers were {most or 'labels that were rare'}{' or the like' if len(risen) > 1 else ''}"
    choices = 2 ** (len(common) + 1)
    told = bad, of, bad_before, of_before, before.alike, choices, f"{what}, as {who} reports"
    yield Comparison(Signal.LABELS, who, *told)


def _grouped(labels: Mapping[str, int], common: Iterable[str]) -> dict[str, int]:
    """Counts of the `common` labels, and under the empty name of all others."""
    found = {label: labels.get(label, 0) for label in common}
    return found | {"": sum(labels.values()) - sum(found.values())}
