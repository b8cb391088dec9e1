"""What a plan asks to be done; each is one small, repeatable effect. Data only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from model_sync.planning.disk_budget import Evictable
from model_sync.planning.state import Rejection


@dataclass(frozen=True)
class Fetch:
    """Start bringing an upload into staging, after `evicted` has made room for it."""

    bucket_version: str
    evicted: tuple[Evictable, ...] = ()


@dataclass(frozen=True)
class CancelFetch:
    """Stop a fetch; what has arrived is kept."""

    bucket_version: str


@dataclass(frozen=True)
class Publish:
    """Rename the staged upload of `bucket_version` into place as `local_version`."""

    bucket_version: str
    local_version: int


@dataclass(frozen=True)
class Renumber:
    """Publish the content of `local_version` also under the free local version `to`."""

    local_version: int
    to: int


@dataclass(frozen=True)
class Configure:
    """List these versions, with these settings, in the model's entry of config.json."""

    local_versions: tuple[int, ...]
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class CheckSettings:
    """Try serving settings on a published version in preflight."""

    local_version: int
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class StartRollout:
    """Try new serving settings in an entry of their own in config.json."""

    settings: Mapping[str, Any]


@dataclass(frozen=True)
class TakeOver:
    """End the try, which went well, and record that `bridge` is to answer while the rest is compiled anew."""

    bridge: int


@dataclass(frozen=True)
class EndRollout:
    """Keep the settings of the model's entry, or go back to those before for the `reason`; list these."""

    reason: str | None
    local_versions: tuple[int, ...]
    retry_at: float | None = None
    """Unix time at which rejected settings are tried again; None: when the card asks for others."""


@dataclass(frozen=True)
class Confirm:
    """Record that the server has had these listed versions AVAILABLE."""

    local_versions: tuple[int, ...]


@dataclass(frozen=True)
class Reject:
    """Record why an upload is not served; None clears an earlier rejection."""

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
    """Delete what was fetched for an upload that is gone."""

    bucket_version: str


Action = (
    Fetch
    | CancelFetch
    | Publish
    | Renumber
    | Configure
    | CheckSettings
    | StartRollout
    | TakeOver
    | EndRollout
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
                else f"clear the rejection of {bucket_version}"
            )
        case Publish(bucket_version, local_version) if str(local_version) != bucket_version:
            return f"publish {bucket_version} as {local_version}"
        case Fetch(bucket_version, evicted):
            gone = ", ".join(f"{one.model} {one.staged or one.local_version}" for one in evicted)
            return f"fetch {bucket_version}, after evicting {gone}" if gone else f"fetch {bucket_version}"
        case _:
            words = [type(action).__name__.lower(), *(str(value) for value in vars(action).values())]
            return " ".join(words)
