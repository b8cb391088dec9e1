"""What a model server says it serves: the answer of `GET /v1/config`, understood.

The states and their traps were measured on the real server: a version that failed to load is shown as
`LOADING` with the error code `UNKNOWN`, and it flips to `LOADING`/`OK` for a moment whenever it is retried.
A removed model stays listed as `END` until the server restarts.
"""

from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum

from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

from edge_common.errors import RetryableError


class VersionState(StrEnum):
    """The state of one version; `FAILED` is what the wire calls LOADING with an error code."""

    START = "START"
    LOADING = "LOADING"
    AVAILABLE = "AVAILABLE"
    UNLOADING = "UNLOADING"
    END = "END"
    FAILED = "FAILED"


class _Status(BaseModel):
    error_code: str = "OK"


class _Version(BaseModel):
    version: int
    state: VersionState
    status: _Status = _Status()


class _Model(BaseModel):
    model_version_status: list[_Version]


_ANSWER = TypeAdapter(dict[str, _Model])
_OBJECT = TypeAdapter(dict[str, JsonValue])

RESERVED = "_"
"""What names begin with that are no models: the sidecar tries new serving settings under them."""

ServedModels = Mapping[str, Mapping[int, VersionState]]
"""Model name -> version number -> state."""


def parse_served_models(body: bytes) -> tuple[ServedModels, frozenset[str]]:
    """Read the body of `GET /v1/config`: what is served, and the models whose entries are of another form.

    Raises RetryableError when no entry is of the known form, so that it is no answer of a model server.
    """
    try:
        answer, unclear = _ANSWER.validate_json(body), frozenset[str]()
    except ValidationError as error:
        answer, unclear = _understood(body)
        if not answer:
            start = body[:80].decode("utf-8", "replace")
            raise RetryableError(
                f"the model server's /v1/config did not answer with model states but with {start!r}; "
                "check that the address is that of a model server"
            ) from error
    return _states(answer), unclear


def _understood(body: bytes) -> tuple[dict[str, _Model], frozenset[str]]:
    """The entries of the known form, and the names of the others."""
    understood: dict[str, _Model] = {}
    entries: dict[str, JsonValue] = {}
    with suppress(ValidationError):
        entries = _OBJECT.validate_json(body)
    for name, entry in entries.items():
        with suppress(ValidationError):
            understood[name] = _Model.model_validate(entry)
    return understood, frozenset(entries.keys() - understood.keys())


def _states(answer: Mapping[str, _Model]) -> ServedModels:
    return {
        name: {
            entry.version: (
                VersionState.FAILED
                if entry.state is VersionState.LOADING and entry.status.error_code != "OK"
                else entry.state
            )
            for entry in model.model_version_status
        }
        for name, model in answer.items()
    }


def available_versions(served: ServedModels, model: str) -> list[int]:
    """Versions of `model` that answer requests, ascending; empty when the model is unknown."""
    return sorted(v for v, state in served.get(model, {}).items() if state is VersionState.AVAILABLE)
