"""All of it at random.

Uploads, overwrites, removals, kills, freezes and store faults in random order and at random moments. Longer,
with a seed to repeat it: `make soak`.
"""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from soak import soak

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(300)]

SECONDS = 40.0


@pytest.mark.fault(
    "40 s of random uploads, overwrites, removals, kills (-9), freezes and store faults, then peace",
    "an untouched model answers every request, nothing half-written is seen, all wishes come true",
)
def test_random_faults_never_break_a_promise(tmp_path: Path, seen: Callable[[str], None]) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails, to repeat it
    result = soak(tmp_path, seconds=SECONDS, seed=seed)
    assert result.held, f"seed {seed}: {result.summary}"
    seen(f"seed {seed}: {result.summary}")
