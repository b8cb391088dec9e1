"""Steps: a claim, what is done to check it, and the verdict."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge_common.errors import EdgeError

from edge_stack.report.facts import StepFact
from edge_stack.report.screen import Screen

_LONGEST_RESULT = 300


class NotHeldError(EdgeError):
    """What was measured contradicts the claim; the message is the measurement."""


@dataclass(frozen=True)
class Step:
    """`check` returns what it measured; it raises NotHeldError, or any EdgeError, when the claim fails."""

    claim: str
    check: Callable[[], str]
    needed_by_all: bool = False
    """Whether the steps after it are pointless when it fails."""


def run_steps(
    steps: Sequence[Step], screen: Screen, *, clock: Callable[[], float] = time.monotonic
) -> list[StepFact]:
    """Run the steps in order; every claim gets a verdict, also those that could not be tried any more."""
    facts: list[StepFact] = []
    missing: str | None = None
    for step in steps:
        if missing is None:
            with screen.running(step.claim):
                fact = _verdict(step, clock)
            missing = step.claim if step.needed_by_all and not fact.held else None
        else:
            fact = StepFact(claim=step.claim, result=f"not tried: needs “{missing}”", held=False, seconds=0)
        screen.show(fact)
        facts.append(fact)
    return facts


def _verdict(step: Step, clock: Callable[[], float]) -> StepFact:
    begun = clock()
    try:
        result, held = step.check(), True
    except EdgeError as error:
        result, held = str(error), False
    if len(result) > _LONGEST_RESULT:
        result = f"{result[:_LONGEST_RESULT]}…"
    return StepFact(claim=step.claim, result=result, held=held, seconds=clock() - begun)
