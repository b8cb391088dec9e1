"""MLflow's errors as ours, each with a sentence that says where and what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from edge_common.errors import EdgeError, FatalError, RejectedError, RetryableError

from car_models.tracking.mlflow_runtime import MlflowException, database_errors

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
