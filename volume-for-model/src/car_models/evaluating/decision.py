"""Whether a version is to take the place of another, by what both say of the same pictures. Pure.

Few pictures say little. So a share is taken at the low end of its interval, and where two versions differ,
the sentence says whether so many pictures can tell them apart.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

from edge_common.errors import RejectedError

from car_models.evaluating.evaluation import Evaluation

CONFIDENCE = 0.95
_Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)


@dataclass(frozen=True)
class Decision:
    """Whether to promote, and why, in figures."""

    promotes: bool
    sentence: str

    def raise_if_refused(self) -> None:
        """Raise RejectedError with the sentence unless it promotes."""
        if not self.promotes:
            raise RejectedError(self.sentence)


def wilson_interval(right: int, pictures: int) -> tuple[float, float]:
    """Where the true share lies, as sure as `CONFIDENCE`, when `right` of `pictures` are (Wilson, 1927)."""
    if pictures == 0:
        return 0.0, 1.0
    share, squared = right / pictures, _Z * _Z
    middle = share + squared / (2 * pictures)
    reach = _Z * math.sqrt(share * (1 - share) / pictures + squared / (4 * pictures * pictures))
    scale = 1 + squared / pictures
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)


def mcnemar(lost: int, gained: int) -> float:
    """How likely a split as uneven as `lost` and `gained` is, were both as good (exact, two-sided)."""
    differing = lost + gained
    tail = sum(math.comb(differing, count) for count in range(min(lost, gained) + 1))
    return min(1.0, 2 * tail / (1 << differing))


def decide(candidate: Evaluation, champion: Evaluation | None = None, *, min_top1: float = 0.0) -> Decision:
    """Promote `candidate` when it surely recognises the share `min_top1`, and no fewer than `champion` does.

    Raises RejectedError when the two were not shown the same labelled pictures.
    """
    right, pictures = candidate.right, len(candidate.labelled)
    low, high = wilson_interval(right, pictures)
    said = (
        f"{candidate.name} recognises {right} of {pictures} ({low:.0%} to {high:.0%} with {CONFIDENCE:.0%})"
    )
    if low < min_top1:
        return Decision(
            False,
            f"{said}, which is not surely the {min_top1:.0%} wanted; give it more pictures, or improve it",
        )
    if champion is None:
        return Decision(True, said)
    lost, gained = _differing(champion, candidate)
    chance = mcnemar(lost, gained)
    sure = "" if chance <= 1 - CONFIDENCE else ", which so few pictures cannot tell from chance"
    compared = (
        f"{said}; of those of {champion.name} it loses {lost} and gains {gained} (p {chance:.2g}{sure})"
    )
    if lost > gained:
        return Decision(False, f"{compared}; keep {champion.name}")
    return Decision(True, compared)


def _differing(champion: Evaluation, candidate: Evaluation) -> tuple[int, int]:
    """Of how many pictures only the champion, and only the candidate, is right."""
    pairs = list(zip(champion.labelled, candidate.labelled, strict=False))
    if len(champion.labelled) != len(candidate.labelled) or any(
        (one.file, one.expected) != (other.file, other.expected) for one, other in pairs
    ):
        raise RejectedError(
            f"{champion.name} and {candidate.name} were shown different pictures; evaluate both on the same"
        )
    lost = sum(one.right and not other.right for one, other in pairs)
    return lost, sum(other.right and not one.right for one, other in pairs)
