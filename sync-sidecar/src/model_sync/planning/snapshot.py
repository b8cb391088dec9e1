"""Everything that a plan for one model is made from. Data only, so that a plan can be made from anything."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from edge_common.model_card import LatestVersions, VersionPolicy
from edge_common.served_state import VersionState

from model_sync.bucket.catalog import ListedModel, Upload
from model_sync.planning.history import Blame
from model_sync.planning.state import ModelState, Rejection, StoredVersion


@dataclass(frozen=True)
class Rules:
    """The settings that plans depend on; durations in seconds."""

    settle: float = 10.0
    keep_previous: int = 1
    activation_timeout: float = 300.0
    first_retry: float = 60.0
    longest_retry: float = 3600.0


@dataclass(frozen=True)
class FetchView:
    """A fetch that runs."""

    upload_id: str
    phase: str
    fraction: float


@dataclass(frozen=True)
class ModelView:
    """One model as seen at one moment."""

    name: str
    state: ModelState
    now: float
    """Unix seconds."""
    listed: bool = True
    """Whether the bucket was listed at all since the start."""
    remote: ListedModel | None = None
    """None: the last listing did not have it."""
    served: Mapping[int, VersionState] | None = None
    """None: the server is away."""
    policy: VersionPolicy = field(default_factory=LatestVersions)
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Serving settings that the card asks for."""
    card_problem: str | None = None
    """Why the model's card cannot be used; versions with a card of their own are not concerned."""
    quiet_for: Mapping[str, float] = field(default_factory=dict)
    """Source -> seconds since its listing last changed."""
    gone: Collection[str] = ()
    """Sources whose removal holds."""
    doubt: str | None = None
    """Why removals are not believed at the moment."""
    fetching: Mapping[str, FetchView] = field(default_factory=dict)
    staged: Mapping[str, str] = field(default_factory=dict)
    """Source -> upload mark of what lies checked in staging."""
    no_room: Mapping[str, str] = field(default_factory=dict)
    """Source -> why its upload does not fit on the volume."""
    troubles: Mapping[str, str] = field(default_factory=dict)
    """Source -> why its last fetch failed; it is tried again by itself."""
    approved_settings: Mapping[str, Any] | None = None
    """Serving settings that passed preflight and are not in config.json yet."""
    checking_settings: bool = False
    trial_for: float = 0.0
    """Seconds since the settings in config.json are on trial."""
    loading_for: Mapping[int, float] = field(default_factory=dict)
    """Configured number -> seconds the reachable server has not had it AVAILABLE."""
    blamed: Mapping[int, Blame] = field(default_factory=dict)
    """Configured number -> why it is taken to be what ends the server."""
    rules: Rules = Rules()

    def upload(self, bucket_version: str) -> Upload | None:
        """The upload as listed last; None when it is not in the bucket."""
        return None if self.remote is None else self.remote.versions.get(bucket_version)

    def stored_for(self, bucket_version: str, excluded: Collection[int] = ()) -> StoredVersion | None:
        """The content on the volume that stands for `source`; None when there is none but `excluded` numbers.

        The listed content before an earlier one, and under its own number before a borrowed one.
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
                version.local_version,
            ),
            default=None,
        )

    def is_stored(self, upload: Upload) -> bool:
        """Whether the content of `upload` is on the volume."""
        stored = self.stored_for(upload.bucket_version)
        return stored is not None and stored.fingerprint == upload.fingerprint

    def active_rejection(self, bucket_version: str) -> Rejection | None:
        """The verdict that keeps `source` from being tried now; None when there is none."""
        verdict = self.state.rejections.get(bucket_version)
        if verdict is None or (verdict.retry_at is not None and self.now >= verdict.retry_at):
            return None
        upload = self.upload(bucket_version)
        return verdict if upload is None or upload.upload_id == verdict.upload_id else None
