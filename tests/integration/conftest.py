"""Real processes: a store, model-sync and ovms-lite, with models small enough to be swapped in a second."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from edge_stack.stack import Stack, StackOptions
from edge_stack.store.store import StoreKind
from quick_settings import QUICK, TWO_THREADS
from warm_stack import warm_stack


@pytest.fixture(params=[StoreKind.EMBEDDED, pytest.param(StoreKind.MINIO, marks=pytest.mark.minio)])
def store_kind(request: pytest.FixtureRequest) -> StoreKind:
    kind: StoreKind = request.param
    return kind


@pytest.fixture
def stack(store_kind: StoreKind, tmp_path: Path) -> Iterator[Stack]:
    """Store, sidecar and server, running; everything is ended afterwards."""
    options = StackOptions(
        root=tmp_path / "stack", store=store_kind, sidecar_settings=QUICK, server_flags=TWO_THREADS
    )
    with warm_stack(options) as running:
        running.start_store()
        running.start_sidecar()
        running.start_server()
        yield running
