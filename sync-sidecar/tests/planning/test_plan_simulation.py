"""The sidecar against a world where anything may fail at any moment.

After every change on the volume and every step, what must never happen is checked (see `simulated_promises`).
At the end everything heals, and the bucket's wishes have to be what is served. A whole day of it:
tests/faults/test_simulated_day.py.

More worlds: MODEL_SYNC_TEST_WORLDS=500 pytest -k simulation. One world again: MODEL_SYNC_TEST_SEED=17.
"""

import os
from pathlib import Path

import pytest
from model_sync.bucket.keys import version_rank
from simulated_life import VERSIONS, live_for

_ONE = os.environ.get("MODEL_SYNC_TEST_SEED")
_SEEDS = [int(_ONE)] if _ONE else range(int(os.environ.get("MODEL_SYNC_TEST_WORLDS", "12")))
_HOURS, _STEPS = 0.25, 150


@pytest.fixture(autouse=True)
def _only_our_variables(_no_settings_from_the_developer: None) -> None:
    """The two variables of this module are read when it is imported."""


@pytest.mark.parametrize("seed", _SEEDS)
def test_nothing_forbidden_happens_and_all_wishes_come_true_in_simulation(seed: int, tmp_path: Path) -> None:
    live_for(tmp_path, seed=seed, hours=_HOURS, steps=_STEPS, quarters=1, drift=True)


def test_versions_are_ranked_as_the_simulation_believes() -> None:
    assert sorted(VERSIONS, key=version_rank) == ["1", "2", "3", "7", "latest"]
