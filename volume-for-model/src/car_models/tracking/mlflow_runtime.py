"""MLflow, imported without its telemetry and with bounded patience, and its errors as ours.

    from car_models.tracking.mlflow_runtime import MlflowClient, registry_errors

MLflow 3 counts what is called and reports it to its makers from a thread of its own, unless a variable says
no before it is imported. Nobody who keeps models of their own agreed to that. It also asks a server that does
not answer for minutes, seven times, where a person or a pipeline waits for one sentence.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from edge_common.errors import EdgeError, FatalError, RejectedError, RetryableError

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
        f"MLflow is not installed here ({error}); "
        "in the platform's checkout run: pip install './volume-for-model[mlflow]'"
    ) from error

__all__ = [
    "Metric",
    "MlflowClient",
    "MlflowException",
    "ModelVersion",
    "Param",
    "Run",
    "RunTag",
    "download_artifacts",
    "list_artifacts",
    "registry_errors",
    "shown_uri",
]

_UNAUTHORIZED, _FORBIDDEN, _TOO_MANY, _FAILED = 401, 403, 429, 500
_LONGEST_CAUSE = 200


def shown_uri(uri: str) -> str:
    """`uri` without a user's name and password."""
    parts = urlsplit(uri)
    if parts.hostname is None or "@" not in parts.netloc:
        return uri
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


@contextmanager
def registry_errors(uri: str) -> Iterator[None]:
    """Turn what MLflow raises inside into ours.

    Raises:
        RetryableError: the registry at `uri` does not answer, or failed.
        RejectedError: it knows no such model, version or run.
        FatalError: it refuses us, or it is no tracking store.
    """
    where = f"the MLflow registry at {shown_uri(uri)}"
    try:
        yield
    except EdgeError:
        raise
    except MlflowException as error:
        status = error.get_http_status_code()
        if status in {_UNAUTHORIZED, _FORBIDDEN}:
            raise FatalError(
                f"{where} refuses us ({_cause(error)}); set MLFLOW_TRACKING_USERNAME and "
                "MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
            ) from error
        if status == _TOO_MANY or status >= _FAILED:
            raise RetryableError(
                f"{where} does not answer properly: {_cause(error)}; "
                "check that it runs and that MLFLOW_TRACKING_URI is its address"
            ) from error
        raise RejectedError(f"{where} says: {_cause(error)}") from error
    except database_errors.OperationalError as error:
        raise RetryableError(
            f"the database of {where} does not answer: {_cause(error)}; check that it runs"
        ) from error
    except database_errors.SQLAlchemyError as error:
        raise FatalError(
            f"{where} is no tracking store: {_cause(error)}; correct MLFLOW_TRACKING_URI"
        ) from error


def _cause(error: Exception) -> str:
    text = " ".join(str(getattr(error, "orig", None) or error).split())
    return text.rstrip(".") if len(text) <= _LONGEST_CAUSE else text[: _LONGEST_CAUSE - 3] + "..."
