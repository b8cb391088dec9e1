from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from edge_common.served_state import VersionState
from ovms_lite.config.entries import ModelConfig, VersionPolicy
from ovms_lite.config.source import SingleModelSource
from ovms_lite.reload import transitions
from ovms_lite.reload.cycle import Reloader
from ovms_lite.repository.load import ModelLoader
from ovms_lite.serving.catalogue import Catalogue

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from conftest import Models

    Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.mark.parametrize("policy", [VersionPolicy(), VersionPolicy(latest=1)], ids=["all", "latest"])
def test_a_number_with_requests_in_flight_ends_before_it_is_loaded_anew(
    models: Models, run: Run, monkeypatch: pytest.MonkeyPatch, policy: VersionPolicy
) -> None:
    """Derived from OVMS's source, not recorded from a running server."""
    monkeypatch.setattr(transitions, "_DRAIN_WAIT_SECONDS", 0.01)
    models.add("m", 1, 1.0)
    models.add("m", 2, 2.0)

    async def scenario() -> list[VersionState]:
        catalogue = Catalogue()
        source = SingleModelSource(ModelConfig("m", models.root / "m", policy))
        reloader = Reloader(catalogue, source, ModelLoader(), ThreadPoolExecutor(1))
        await reloader.run_cycle()
        model = catalogue.model("m")
        before = model.versions[2].servable
        assert before is not None
        with before.in_use():
            shutil.rmtree(models.root / "m" / "2")
            await reloader.run_cycle()
            states = [model.versions[2].state]
            models.add("m", 2, 3.0)
            await reloader.run_cycle()
            states.append(model.versions[2].state)
            assert model.versions[1].state is VersionState.AVAILABLE  # who names no version is answered
        for _ in range(2):  # the first may still meet the end of the old one
            await reloader.run_cycle()
        states.append(model.versions[2].state)
        assert model.versions[2].servable is not before
        return states

    assert run(scenario()) == [VersionState.UNLOADING, VersionState.UNLOADING, VersionState.AVAILABLE]
