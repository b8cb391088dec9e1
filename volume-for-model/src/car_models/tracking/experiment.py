"""Runs of an experiment: what a model was made with, what was measured, its pictures and the model itself."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from edge_common.errors import RejectedError

from car_models.tracking.mlflow_runtime import Metric, MlflowClient, Param
from car_models.tracking.registry import Registry

MODEL_PATH: Final = "model"
"""Artifact folder of a run that holds the files of a version, as the bucket gets them."""
PICTURES_PATH: Final = "pictures"


@dataclass(frozen=True)
class LoggedRun:
    """A run as MLflow keeps it."""

    run: str
    name: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]


def log_run(
    registry: Registry,
    experiment: str,
    name: str,
    *,
    model: Path,
    params: Mapping[str, object],
    metrics: Mapping[str, float],
    pictures: Path | None = None,
) -> LoggedRun:
    """Log one run with the version folder `model` and the folder `pictures`; the experiment is made if new.

    The model is logged as the plain files that a server gets, not as a flavor of MLflow: nothing has to be
    run, or unpickled, to take it out again. A run that broke off says FAILED. Raises RejectedError when
    `model` holds no files, and what `Registry.errors` raises.
    """
    if not model.is_dir() or not any(model.iterdir()):  # MLflow logs nothing, and says nothing
        raise RejectedError(f"{model} holds no files; name the folder of one version, such as models/cars/1")
    with registry.errors():
        client = registry.client
        run = client.create_run(_experiment_id(client, registry.uri, experiment), run_name=name)
        status = "FAILED"
        try:
            now = int(time.time() * 1000)
            client.log_batch(
                run.info.run_id,
                metrics=[Metric(key, value, now, 0) for key, value in metrics.items()],
                params=[Param(key, str(value)) for key, value in params.items()],
            )
            if pictures is not None:
                client.log_artifacts(run.info.run_id, str(pictures), PICTURES_PATH)
            client.log_artifacts(run.info.run_id, str(model), MODEL_PATH)
            status = "FINISHED"
        finally:
            client.set_terminated(run.info.run_id, status)
    return read_run(registry, run.info.run_id)


def read_run(registry: Registry, run: str) -> LoggedRun:
    """The run as the registry has it; raises RejectedError when it has none of this id."""
    with registry.errors():
        found = registry.client.get_run(run)
    return LoggedRun(run, found.info.run_name or run, dict(found.data.params), dict(found.data.metrics))


def _experiment_id(client: MlflowClient, uri: str, name: str) -> str:
    known = client.get_experiment_by_name(name)
    if known is not None:
        return str(known.experiment_id)
    return str(client.create_experiment(name, artifact_location=_artifact_location(uri)))


def _artifact_location(uri: str) -> str | None:
    """Beside the file of a local store, whatever the current folder is; None: a server knows its own."""
    parts = urlsplit(uri)
    if parts.scheme != "sqlite":
        return None
    return (Path(parts.path.removeprefix("/")).absolute().parent / "artifacts").as_uri()
