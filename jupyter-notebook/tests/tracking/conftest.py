"""A registry in SQLite, and a platform whose store is the embedded S3."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from car_models.tracking.experiment import MODEL_PATH, log_run
from car_models.tracking.registry import Registry
from edge_stack.stack import Stack, StackOptions
from edge_stack.store.store import StoreKind
from model_sync.upload import Settings, read_settings
from tiny_models import write_model

NAME = "tiny"


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store as MLflow makes it, which takes seconds."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    Registry(f"sqlite:///{path}", create=True)
    return path


@pytest.fixture
def registry(tmp_path: Path, empty_store: Path) -> Registry:
    return Registry(f"sqlite:///{shutil.copy(empty_store, tmp_path)}")


def registered(registry: Registry, folder: Path, name: str = NAME) -> int:
    """Log the version folder `folder` and register it; returns MLflow's number."""
    logged = log_run(registry, "tests", folder.name, model=folder, params={}, metrics={})
    return registry.register(name, logged.run, MODEL_PATH)


@dataclass(frozen=True)
class TwoVersions:
    """Two registered versions of one model that answer differently."""

    registry: Registry
    first: int
    second: int


@pytest.fixture
def two_versions(registry: Registry, tmp_path: Path) -> TwoVersions:
    first, second = (registered(registry, write_model(tmp_path / f"m{n}", float(n))) for n in (1, 2))
    return TwoVersions(registry, first, second)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Store, sidecar and server; every test has a model of its own there."""
    options = StackOptions(
        root=tmp_path_factory.mktemp("stack"),
        store=StoreKind.EMBEDDED,
        sidecar_settings={"POLL_INTERVAL": "1s"},
    )
    with Stack(options) as running:
        running.start_store()
        running.start_sidecar()
        running.start_server()
        yield running


@pytest.fixture(scope="session")
def store(stack: Stack) -> Settings:
    return read_settings(stack.sidecar_environment())
