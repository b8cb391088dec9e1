"""What a version proved on its way: signature, acceptance on this machine, origin. Data, judged purely."""

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Annotated, Any

from edge_common.model_card import Acceptance
from pydantic import Field

from model_sync.bucket.evidence_files import Provenance
from model_sync.bucket.keys import quoted

NAMED = 5
"""So many pictures are named where a version is wrong, or differs from the one in service."""
_TOP = 5


Told = Annotated[str, Field(max_length=400)]
Seconds = Annotated[float, Field(gt=0, lt=1e6)]
"""What the child may say: a model can have taken it over."""


@dataclass(frozen=True)
class PictureAnswer:
    """What was said of one picture; labels are shortened by whoever asked."""

    file: str
    expected: Told
    said: Told
    place: int | None
    """Of the expected label among the answers, 0 is the first; None: beyond the first five."""
    served_said: Told | None = None
    """What the version in service says first; None: it was not asked."""
    agrees: bool = True
    """Whether both say the same first."""


@dataclass(frozen=True)
class AcceptanceRun:
    """All answers, and the seconds that each inference took; empty where they were not measured."""

    answers: tuple[PictureAnswer, ...]
    seconds: tuple[Seconds, ...] = ()
    served_seconds: tuple[Seconds, ...] = ()
    not_compared: Told = ""
    """Why the version in service was not asked; empty: it was, or there is none."""
    not_timed: Told = ""
    """Why times would say nothing; empty: they were measured."""


@dataclass(frozen=True)
class OtherAnswer:
    """A picture of which something else was said than wanted: by `expected.csv`, or by what serves."""

    file: str
    said: str
    wanted: str


@dataclass(frozen=True)
class AcceptanceFigures:
    """The figures of a version on its acceptance pictures, as they are remembered and told."""

    pictures: int
    top1: int
    """Pictures with the expected label first."""
    top5: int
    """Pictures with the expected label among the first five."""
    wrong: tuple[OtherAnswer, ...] = ()
    """The first of those that are not in `top1`; before all others those that are not in `top5` either."""
    latency_ms: float | None = None
    """Median of single inferences; None: not measured."""
    served: str | None = None
    """The bucket's version that was in service and was asked the same; None: none was."""
    served_latency_ms: float | None = None
    agreed: int | None = None
    """Pictures of which the version in service says the same first."""
    differing: tuple[OtherAnswer, ...] = ()
    """The first of those that are not in `agreed`."""
    not_judged: str = ""
    """What was not measured, and why; thresholds for it do not count."""

    @property
    def slowdown(self) -> float | None:
        """How many times as long one inference takes as with the version in service."""
        if self.latency_ms is None or not self.served_latency_ms:
            return None
        return self.latency_ms / self.served_latency_ms

    def as_document(self) -> dict[str, Any]:
        """For the status: the figures, and what follows from them."""
        slowdown = None if self.slowdown is None else round(self.slowdown, 3)
        return asdict(self) | {"slowdown": slowdown, "sentence": str(self)}

    def __str__(self) -> str:
        parts = [f"top-1 {self.top1} of {self.pictures}", f"top-5 {self.top5}"]
        if self.latency_ms is not None:
            parts.append(f"{self.latency_ms:.3g} ms")
        if self.slowdown is not None:
            parts.append(f"{self.slowdown:.2f} times as long as {self.served}")
        if self.agreed is not None:
            parts.append(f"agrees with {self.served} on {self.agreed}")
        return ", ".join([*parts, *([self.not_judged] if self.not_judged else [])])


def acceptance_figures(run: AcceptanceRun, served: str | None) -> AcceptanceFigures:
    """The figures of `run`; `served` names the version in service that was asked as well."""
    answers, compared = run.answers, served is not None and not run.not_compared
    farthest_first = sorted(answers, key=lambda one: one.place is not None)
    wrong = [OtherAnswer(one.file, one.said, one.expected) for one in farthest_first if one.place != 0]
    not_compared = run.not_compared if served is not None else "nothing in service to compare with"
    others = [one for one in answers if compared and not one.agrees]
    differing = [OtherAnswer(one.file, one.said, one.served_said or "") for one in others]
    return AcceptanceFigures(
        pictures=len(answers),
        top1=len(answers) - len(wrong),
        top5=sum(one.place is not None and one.place < _TOP for one in answers),
        wrong=tuple(wrong[:NAMED]),
        latency_ms=_median_ms(run.seconds),
        served=served if compared else None,
        served_latency_ms=_median_ms(run.served_seconds) if compared else None,
        agreed=len(answers) - len(differing) if compared else None,
        differing=tuple(differing[:NAMED]),
        not_judged="; ".join(filter(None, (not_compared, run.not_timed))),
    )


def acceptance_rejection(figures: AcceptanceFigures, wanted: Acceptance) -> str | None:
    """Which thresholds the version misses, with the pictures that show it; None when it meets all.

    What was not measured is not judged: comparisons where nothing serves, times on another device.
    """
    missed = "; ".join([*_missed_answers(figures, wanted), *_missed_times(figures, wanted)])
    advice = "improve the model, or correct the card's acceptance"
    return f"it fails its acceptance: {missed}; {advice}" if missed else None


def needed(share: float, pictures: int) -> int:
    """The least number of `pictures` that is the decimal number `share` of them."""
    return math.ceil(Fraction(repr(share)) * pictures)


def _missed_answers(figures: AcceptanceFigures, wanted: Acceptance) -> Iterator[str]:
    count = figures.pictures
    shares = (("top-1", wanted.min_top1, figures.top1), ("top-5", wanted.min_top5, figures.top5))
    missed = [
        f"{name} {right} of {count}, {needed(share, count)} needed"
        for name, share, right in shares
        if share is not None and right < needed(share, count)
    ]
    if missed:
        yield from missed
        yield f"wrong: {_named(figures.wrong, count - figures.top1, 'expected')}"
    share, agreed = wanted.agree_with_served, figures.agreed
    if share is not None and agreed is not None and agreed < needed(share, count):
        others = _named(figures.differing, count - agreed, f"{figures.served} says")
        yield (
            f"says the same as version {figures.served} in service of {agreed} of {count}, "
            f"{needed(share, count)} needed; different: {others}"
        )


def _missed_times(figures: AcceptanceFigures, wanted: Acceptance) -> Iterator[str]:
    took, slowdown = figures.latency_ms, figures.slowdown
    if wanted.max_latency is not None and took is not None and took > wanted.max_latency * 1000:
        yield f"one inference takes {took:.3g} ms here, at most {wanted.max_latency * 1000:g} ms wanted"
    if wanted.max_slowdown is not None and slowdown is not None and slowdown > wanted.max_slowdown:
        yield (
            f"one inference takes {took:.3g} ms here and {figures.served_latency_ms:.3g} ms with version "
            f"{figures.served} in service, {slowdown:.2f} times as long, at most {wanted.max_slowdown:g} "
            "wanted"
        )


def _named(others: Sequence[OtherAnswer], count: int, wanted: str) -> str:
    told = [
        f"{quoted(one.file)[1:-1]} is {quoted(one.said)}, {wanted} {quoted(one.wanted)}" for one in others
    ]
    return ", ".join([*told, *([f"{count - len(others)} more"] if count > len(others) else [])])


def _median_ms(seconds: Sequence[float]) -> float | None:
    return round(statistics.median(seconds) * 1000, 3) if seconds else None


@dataclass(frozen=True)
class Signature:
    """A signature over exactly the files of a version, by a key that is, or was, trusted."""

    signer: str
    """Fingerprint of the key, or of the certificate, that signed: `sha256:` and 64 hex digits."""
    key: str
    """Path, below TRUSTED_KEYS, of the file that made it trusted."""
    problem: str = ""
    """Why it would not be accepted any more, such as a key that was removed; empty: it would."""


@dataclass(frozen=True)
class Evidence:
    """Everything a version proved; an empty one for what was published without proof."""

    signature: Signature | None = None
    acceptance: AcceptanceFigures | None = None
    """What it made of the acceptance pictures that it brought; None: it brought none."""
    provenance: Provenance | None = None
    """Where its files say that they come from; None: they do not say it."""
