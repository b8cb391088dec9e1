"""How surely a share has risen, from counts alone, however often one looks. Pure.

Both halves are textbook. The share before is bounded from above by Chernoff's inequality in its relative
entropy form. The share after is held against that bound by a likelihood ratio averaged over higher shares: a
test martingale, which by Ville's inequality exceeds 1/e with a probability of at most e at *any* of the looks
(Ramdas, Grünwald, Vovk and Shafer, "Game-theoretic statistics and safe anytime-valid inference", 2023).
"""

import math

_HIGHER = (0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 0.95, 0.995)
"""The shares averaged over, as parts of the way from the tolerated share to 1."""
_HALVINGS = 40


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
    ratios = []
    for part in _HIGHER:
        higher = tolerated + (1 - tolerated) * part
        ratios.append(
            some * math.log(higher / tolerated) + (of - some) * math.log((1 - higher) / (1 - tolerated))
        )
    best = max(ratios)
    return best + math.log(sum(math.exp(ratio - best) for ratio in ratios) / len(ratios))


def _relative_entropy(one: float, other: float) -> float:
    """Of two coins; infinite when `other` excludes what `one` shows."""
    found = 0.0
    for part, of in ((one, other), (1 - one, 1 - other)):
        if part > 0:
            if of <= 0:
                return math.inf
            found += part * math.log(part / of)
    return found
