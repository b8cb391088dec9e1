"""One model as seen at one moment: all that its plan may depend on. Data only."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from edge_common.model_card import LatestVersions, VersionPolicy
from edge_common.served_state import VersionState

from model_sync.bucket.catalog import ListedModel, Upload
from model_sync.bucket.keys import LATEST, is_version_name
from model_sync.bucket.pins import ListedPin
from model_sync.planning.disk_budget import DiskRoom
from model_sync.planning.state import ModelState, RejectedAt, Rejection, StoredVersion

_HOLDS = frozenset({VersionState.START, VersionState.LOADING, VersionState.AVAILABLE, VersionState.UNLOADING})


@dataclass(frozen=True)
class Rules:
    """The settings that plans depend on; durations in seconds."""

    quiet_time: float = 10.0
    keep_previous: int = 1
    activation_timeout: float = 300.0
    first_retry: float = 60.0
    longest_retry: float = 3600.0
    policy: VersionPolicy = field(default_factory=LatestVersions)
    """For models whose card names none."""
    signatures: str = "off"
    """`off`, `verify` or `require`: what is asked of uploads."""

    def pause_after(self, attempts: int) -> float:
        """Seconds until what was rejected so often is tried again: twice as many each time, up to a limit."""
        return min(self.first_retry * 2.0 ** min(attempts - 1, 32), self.longest_retry)


@dataclass(frozen=True)
class FetchProgress:
    """A fetch that runs."""

    upload_id: str
    phase: str
    fraction: float


@dataclass(frozen=True)
class ModelSnapshot:
    """The part of a snapshot that concerns one model; no plan of a model sees another."""

    name: str
    state: ModelState
    now: float
    """Unix seconds."""
    bucket_listed: bool = True
    """Whether the bucket was listed at all since the start."""
    listed: ListedModel | None = None
    """None: the last listing did not have it."""
    served: Mapping[int, VersionState] | None = None
    """None: the server is away."""
    server_busy: bool = False
    """It answers late, or unclearly of this model, and what it said last is in `served`."""
    server_loads: str = ""
    """A model of which the server is loading a version now."""
    all_told: bool = True
    """Every server on the volume has just told its part of `served`."""
    policy: VersionPolicy = field(default_factory=LatestVersions)
    pin: ListedPin | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Serving settings that the card asks for."""
    card_rejection: str | None = None
    edit_rejection: str | None = None
    quiet_for: Mapping[str, float] = field(default_factory=dict)
    """Bucket version -> seconds since its listing last changed."""
    gone: Collection[str] = ()
    """Bucket versions whose removal holds."""
    gone_at: Mapping[str, float] = field(default_factory=dict)
    """Bucket version that is not listed -> Unix time from which its removal holds."""
    removal_hold: str | None = None
    fetches: Mapping[str, FetchProgress] = field(default_factory=dict)
    staged: Mapping[str, str] = field(default_factory=dict)
    room: DiskRoom = field(default_factory=DiskRoom)
    fetch_errors: Mapping[str, str] = field(default_factory=dict)
    """Bucket version -> why its last fetch failed; it is tried again by itself."""
    checked_settings: Mapping[str, Any] | None = None
    checking_settings: bool = False
    trial: Mapping[int, VersionState] = field(default_factory=dict)
    """What the server says of the entry in which new serving settings are tried."""
    trial_loading_for: Mapping[int, float] = field(default_factory=dict)
    trial_crashes: Mapping[int, int] = field(default_factory=dict)
    tried: Collection[Mapping[int, VersionState]] = ()
    """The same of every entry in which settings of this model were ever tried."""
    loading_for: Mapping[int, float] = field(default_factory=dict)
    load_crashes: Mapping[int, int] = field(default_factory=dict)
    """Local version that is taken to be what ends the server -> how many others were loading then."""
    rules: Rules = field(default_factory=Rules)

    @property
    def uploads(self) -> Mapping[str, Upload]:
        """Bucket version -> the upload as listed last."""
        return {} if self.listed is None else self.listed.versions

    def upload(self, bucket_version: str) -> Upload | None:
        """The upload as listed last; None when it is not in the bucket."""
        return self.uploads.get(bucket_version)

    @property
    def highest_used(self) -> int:
        """The highest local version that is or was used; 0 for none."""
        return max(self.state.last_local_version, *self.state.stored, *self.state.configured, 0)

    @property
    def free_number(self) -> int:
        """A local version above all that are used or listed; it may be above MAX_VERSION."""
        listed = (int(name) for name in self.uploads if name != LATEST and is_version_name(name))
        return max([self.highest_used, *listed]) + 1

    def stored_for(self, bucket_version: str, excluded: Collection[int] = ()) -> StoredVersion | None:
        """The content on the volume that stands for `bucket_version`; None without any but the `excluded`.

        The listed content before an earlier one, and under its own number before a borrowed one; among equals
        what config.json lists.
        """
        upload = self.upload(bucket_version)
        found = [
            version
            for local_version, version in self.state.stored.items()
            if version.bucket_version == bucket_version and local_version not in excluded
        ]
        return max(
            found,
            key=lambda version: (
                upload is not None and version.fingerprint == upload.fingerprint,
                str(version.local_version) == bucket_version,
                version.local_version in self.state.configured,
                version.local_version,
            ),
            default=None,
        )

    def is_stored(self, upload: Upload) -> bool:
        """Whether the content of `upload` is on the volume."""
        stored = self.stored_for(upload.bucket_version)
        return stored is not None and stored.fingerprint == upload.fingerprint

    def state_of(self, local_version: int) -> VersionState | None:
        """What the server says of a version; None when it does not know it, or is away."""
        return None if self.served is None else self.served.get(local_version)

    def has_ended(self, local_version: int) -> bool:
        """Whether the server surely no longer holds the files of a version."""
        all_told = self.all_told and not self.server_busy
        return all_told and has_ended(local_version, self.served, self.tried)

    @property
    def trial_holds_files(self) -> bool:
        """Whether the server still has a version from an entry in which settings were tried."""
        return any(state in _HOLDS for states in self.tried for state in states.values())

    def active_rejection(self, bucket_version: str) -> Rejection | None:
        """The rejection that keeps a version from being tried now; None when there is none."""
        rejection = self.state.rejections.get(bucket_version)
        if rejection is None or (rejection.retry_at is not None and self.now >= rejection.retry_at):
            return None
        upload = self.upload(bucket_version)
        return rejection if upload is None or upload.upload_id == rejection.upload_id else None

    def taken_back(self, version: StoredVersion) -> bool:
        """Whether this content answered and was found worse, and nobody has had it tried again since."""
        return _is_of(version, self.active_rejection(version.bucket_version), RejectedAt.WATCH)

    def rejected_by_server(self, version: StoredVersion, *, ever: bool = False) -> bool:
        """Whether the server could not load this content and is not to be asked again yet (`ever`: or is)."""
        known = version.bucket_version
        rejection = self.state.rejections.get(known) if ever else self.active_rejection(known)
        return _is_of(version, rejection, RejectedAt.SERVER)


def _is_of(version: StoredVersion, rejection: Rejection | None, stage: RejectedAt) -> bool:
    if rejection is None or rejection.stage != stage:
        return False
    return rejection.upload_id.partition("+")[0] == version.fingerprint


def has_ended(
    local_version: int,
    served: Mapping[int, VersionState] | None,
    tried: Iterable[Mapping[int, VersionState]] = (),
) -> bool:
    """Whether a server that has just said this no longer holds the files of a version; None: it is away.

    `tried`: what it says of the entries in which settings of the model were tried.
    """
    held = any(states.get(local_version) in _HOLDS for states in tried)
    return served is not None and not held and served.get(local_version) in {None, VersionState.END}
