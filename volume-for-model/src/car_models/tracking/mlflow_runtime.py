"""MLflow, imported without its telemetry and with bounded patience; everybody takes it from here.

    from car_models.tracking.mlflow_runtime import MlflowClient

MLflow 3 counts what is called and reports it to its makers from a thread of its own, unless a variable says
no before it is imported. Nobody who keeps models of their own agreed to that. It also asks a server that does
not answer for minutes, seven times, where a person or a pipeline waits for one sentence.
"""

import os

from edge_common.errors import FatalError

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")  # seconds
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")  # it tells of each table of a new store otherwise

try:
    import sqlalchemy.exc as database_errors
    from mlflow import MlflowClient
    from mlflow.artifacts import download_artifacts, list_artifacts
    from mlflow.entities import Metric, Param, Run, RunTag
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.exceptions import MlflowException
except ModuleNotFoundError as error:
    raise FatalError(
        f"MLflow is not installed here ({error}); install it: pip install 'car-models[mlflow]'"
    ) from error

__all__ = [
    "Metric",
    "MlflowClient",
    "MlflowException",
    "ModelVersion",
    "Param",
    "Run",
    "RunTag",
    "database_errors",
    "download_artifacts",
    "list_artifacts",
]
