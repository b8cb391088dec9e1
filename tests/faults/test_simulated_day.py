"""A simulated day.

The sidecar's real loop, state and volume, with the bucket, the model server, time and the moments of death
simulated. The same day again: SIMULATED_DAY_SEED=7 pytest tests/faults/test_simulated_day.py.
A week of it is part of `make soak`.
"""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from simulated_life import live_for

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(600)]

HOURS, STEPS = 24.0, 10_000


@pytest.mark.fault(
    "24 simulated hours of random uploads, removals, failures and kills, at least 10,000 steps in one run",
    "after every step none of the five; all wishes come true whenever there is peace",
)
def test_a_day_of_random_faults_breaks_no_promise(tmp_path: Path, seen: Callable[[str], None]) -> None:
    seed = int(os.environ.get("SIMULATED_DAY_SEED", random.randrange(2**32)))
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails, to repeat it
    seen(live_for(tmp_path, seed=seed, hours=HOURS, steps=STEPS))
