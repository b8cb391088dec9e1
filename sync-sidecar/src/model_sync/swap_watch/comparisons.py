"""Which shares have clearly risen, from what was seen of a version and of the one before. Pure.

Everything is reduced to shares: of requests that failed or were slow, of answers that were not sure, of
pictures without an answer, of answers whose labels the version before hardly gave. A share counts as risen
only when the lowest share that explains what is seen, with an error of one in a million, is above the highest
that explains what was seen before, by a margin that leaves room for another hour of the day.

Both halves are textbook. The share before is bounded from above by Chernoff's inequality in its relative
entropy form. The share after is held against that bound by a likelihood ratio averaged over higher shares: a
test martingale, which by Ville's inequality exceeds 1/e with a probability of at most e at *any* of the looks
(Ramdas, Grünwald, Vovk and Shafer, "Game-theoretic statistics and safe anytime-valid inference", 2023).
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from model_sync.swap_watch.observations import ABOVE, Answers, Seen, ServerCounts

_HIGHER = (0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 0.95, 0.995)
"""The shares averaged over, as parts of the way from the tolerated share to 1."""
_HALVINGS = 40


class Signal(StrEnum):
    """In what a version may be worse."""

    FAILED = "failed"
    SLOW = "slow"
    NOT_SURE = "not_sure"
    REFUSED = "refused"
    LABELS = "labels"


_MARGINS = {
    Signal.FAILED: 0.05,
    Signal.SLOW: 0.25,
    Signal.NOT_SURE: 0.25,
    Signal.REFUSED: 0.1,
    Signal.LABELS: 0.3,
}
"""How much each share may rise without harm."""
_LEAST_BEFORE, _LEAST_AFTER = 50, 20
"""Requests or answers, of runs of equal ones, of the version before and the new one; fewer tell nothing."""
_ERROR = 1e-6
"""Probability with which one comparison, however often repeated, finds what is not there."""
_ERROR_BEFORE = 1e-4
"""That with which the share before was higher than is taken for possible; the margin comes on top."""
_USUAL, _SLOW_FACTOR, _LEAST_SLOW = 0.95, 3.0, 50_000
"""Share of the requests before that says what was usual, how many times that is slow, and from how many
microseconds on: a small model takes several times as long whenever the machine has something else to do."""
_MOST_LABELS = 10
"""Labels told apart; what is rarer before counts as one."""


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

    @property
    def is_judged(self) -> bool:
        """Whether there is enough of both."""
        return min(self.of / _LEAST_AFTER, self.of_before / _LEAST_BEFORE) >= self.alike

    @property
    def is_breach(self) -> bool:
        """Whether the share has clearly risen by more than it may."""
        margin = _MARGINS[self.signal]
        if not self.is_judged or self.bad / self.of <= self.bad_before / self.of_before + margin:
            return False
        error_before, error = _ERROR_BEFORE / self.choices, _ERROR / self.choices
        before = upper_bound(self.bad_before / self.alike, self.of_before / self.alike, error_before)
        evidence = log_evidence(self.bad / self.alike, self.of / self.alike, before + margin)
        return evidence >= -math.log(error)

    @property
    def sentence(self) -> str:
        """What was found, with the counts it rests on."""
        return f"{self.bad} of {self.of} {self.what}; before it {self.bad_before} of {self.of_before}"


def comparisons(before: Seen, after: Seen) -> Iterator[Comparison]:
    """Every share that both versions have, whether there is enough of it or not."""
    if before.server is not None and after.server is not None:
        yield from _of_server(before.server, after.server)
    for who in sorted(before.clients.keys() & after.clients.keys()):
        yield from _of_client(who, before.clients[who], after.clients[who])


def _of_server(before: ServerCounts, after: ServerCounts) -> Iterator[Comparison]:
    counts = after.failed, after.requests, before.failed, before.requests
    yield Comparison(Signal.FAILED, "", *counts, what="requests to the model server failed")
    limit = _slow_from(before.times)
    if limit is not None:
        slow = _over(after.times, limit), sum(after.times.values())
        slow_before = _over(before.times, limit), sum(before.times.values())
        what = f"requests took the model server more than {limit / 1000:.4g} ms"
        yield Comparison(Signal.SLOW, "", *slow, *slow_before, what=what)


def _slow_from(times: Mapping[int, int]) -> int | None:
    """The server's bound, in microseconds, above which a request is slow; None: none is known."""
    total, seen, usual = sum(times.values()), 0, 0
    for bound in sorted(times):
        seen += times[bound]
        if total and seen >= _USUAL * total:
            usual = bound
            break
    slow = [bound for bound in times if ABOVE > bound >= max(usual * _SLOW_FACTOR, _LEAST_SLOW)]
    return min(slow) if usual and slow else None


def _over(times: Mapping[int, int], limit: int) -> int:
    return sum(count for bound, count in times.items() if bound > limit)


def _of_client(who: str, before: Answers, after: Answers) -> Iterator[Comparison]:
    seen, seen_before = after.answered + after.refused, before.answered + before.refused
    what = f"pictures had no answer, as {who} reports"
    yield Comparison(Signal.REFUSED, who, after.refused, seen, before.refused, seen_before, what=what)
    alike = before.alike
    counts = after.not_sure, after.answered, before.not_sure, before.answered
    what = f"answers were not sure, as {who} reports"
    yield Comparison(Signal.NOT_SURE, who, *counts, alike, what=what)
    if before.label_set == after.label_set != "":
        yield from _of_labels(who, before, after)


def _of_labels(who: str, before: Answers, after: Answers) -> Iterator[Comparison]:
    """The total variation distance: the share of the labels that have become more frequent, before and after.

    Which labels these are is chosen by what is seen, so every set of labels counts as a choice.
    """
    common = sorted(before.labels, key=lambda label: (-before.labels[label], label))[:_MOST_LABELS]
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


def upper_bound(some: float, of: float, error: float) -> float:
    """A share that the true one exceeds with a probability of at most `error`, `some` of `of` being seen."""
    if of <= 0:
        return 1.0
    share = min(some / of, 1.0)
    low, high = share, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if of * _relative_entropy(share, middle) > -math.log(error):
            high = middle
        else:
            low = middle
    return high


def log_evidence(some: float, of: float, tolerated: float) -> float:
    """The logarithm of the evidence that the share is above `tolerated`, `some` of `of` being seen.

    It exceeds -log(e) with a probability of at most e while the share is `tolerated` or less.
    """
    if tolerated >= 1 or of <= 0:
        return -math.inf
    some, tolerated = min(some, of), max(tolerated, 1e-9)
    shares = [tolerated + (1 - tolerated) * part for part in _HIGHER]
    ratios = [
        some * math.log(higher / tolerated) + (of - some) * math.log((1 - higher) / (1 - tolerated))
        for higher in shares
    ]
    best = max(ratios)
    return best + math.log(sum(math.exp(ratio - best) for ratio in ratios) / len(ratios))


def _relative_entropy(one: float, other: float) -> float:
    """Of two coins; infinite when `other` excludes what `one` shows."""
    parts = [(part, of) for part, of in ((one, other), (1 - one, 1 - other)) if part > 0]
    return sum(part * math.log(part / of) if of > 0 else math.inf for part, of in parts)
