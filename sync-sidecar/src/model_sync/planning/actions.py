"""What a plan asks to be done; each is one small, repeatable effect. Data only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from model_sync.planning.state import Rejection


@dataclass(frozen=True)
class Fetch:
    """Start bringing the upload of `source` into staging."""

    bucket_version: str


@dataclass(frozen=True)
class CancelFetch:
    """Stop fetching `source`; what has arrived is kept."""

    bucket_version: str


@dataclass(frozen=True)
class Publish:
    """Rename the staged upload of `source` into place as version `number`."""

    bucket_version: str
    local_version: int


@dataclass(frozen=True)
class Renumber:
    """Publish the content of version `number` also under the free number `to`."""

    local_version: int
    to: int


@dataclass(frozen=True)
class Configure:
    """List these numbers, with these settings, in the model's entry of config.json."""

    local_versions: tuple[int, ...]
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class CheckSettings:
    """Try serving settings on the published version `number` in preflight."""

    local_version: int
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class TrySettings:
    """Write new serving settings into the model's entry of config.json, to be taken back if they fail."""

    settings: Mapping[str, Any]


@dataclass(frozen=True)
class EndTrial:
    """Keep the settings that are tried, or go back to those before for the `problem`."""

    problem: str | None


@dataclass(frozen=True)
class Confirm:
    """Record that the server has had these listed numbers AVAILABLE."""

    local_versions: tuple[int, ...]


@dataclass(frozen=True)
class Reject:
    """Record why the upload of `source` is not served; None clears an earlier verdict."""

    bucket_version: str
    rejection: Rejection | None


@dataclass(frozen=True)
class Withdraw:
    """Take the folder of a version the server could not load back into staging."""

    local_version: int


@dataclass(frozen=True)
class Delete:
    """Delete the folder of a version that the server has let go of."""

    local_version: int


@dataclass(frozen=True)
class DropStaging:
    """Delete what was fetched for a source that is gone."""

    bucket_version: str


Action = (
    Fetch
    | CancelFetch
    | Publish
    | Renumber
    | Configure
    | CheckSettings
    | TrySettings
    | EndTrial
    | Confirm
    | Reject
    | Withdraw
    | Delete
    | DropStaging
)


def describe(action: Action) -> str:
    """The action as a line for people."""
    match action:
        case Configure(local_versions):
            return f"serve {', '.join(map(str, local_versions))}" if local_versions else "serve nothing"
        case Reject(bucket_version, rejection):
            return (
                f"reject {bucket_version}: {rejection.reason}"
                if rejection
                else f"clear the verdict on {bucket_version}"
            )
        case Publish(bucket_version, local_version) if str(local_version) != bucket_version:
            return f"publish {bucket_version} as {local_version}"
        case _:
            words = [type(action).__name__.lower(), *(str(value) for value in vars(action).values())]
            return " ".join(words)
