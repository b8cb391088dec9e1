"""What one cycle rests on: everything that `observe` found, as one value. Data only.

A plan, the time of the next look, readiness and the status are functions of it. What the plan of one model
may see is cut out of it by `Snapshot.model`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from edge_common.errors import EdgeError
from edge_common.model_card import VersionPolicy
from edge_common.served_state import ServedModels, VersionState

from model_sync.bucket.catalog import Catalog
from model_sync.bucket.pins import Pins
from model_sync.planning.disk_budget import DiskRoom
from model_sync.planning.model_snapshot import FetchProgress, ModelSnapshot, Rules
from model_sync.planning.rollout import trial_name, tried_model
from model_sync.planning.state import State
from model_sync.swap_watch.judgement import WatchProgress

_LOADING = VersionState.LOADING

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True)
class FetchError:
    """Why a fetch ended early. `retry_at`: monotonic time of the next try."""

    reason: str
    attempts: int
    retry_at: float


@dataclass(frozen=True)
class ServingCard:
    """How a model asks to be served."""

    policy: VersionPolicy | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    rejection: str | None = None
    """Why the model's own card cannot be used; versions with a card of their own are not concerned."""
    edit_rejection: str | None = None
    """Why the model's card, as edited, is not in force for what serves."""


@dataclass(frozen=True)
class BucketSnapshot:
    """The last complete listing, and how listing went; `last_...` are Unix seconds, None: never."""

    catalog: Catalog | None = None
    quiet_since: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Model -> bucket version -> monotonic time of the listing that first showed the upload as it is."""
    pins: Pins = field(default_factory=dict)
    """Until the first listing, those that the volume has recorded."""
    gone: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Model -> bucket versions whose removal holds."""
    gone_at: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Model -> bucket version that is not listed -> Unix time from which its removal holds."""
    removal_hold: str | None = None
    """Why removals are not believed at the moment."""
    listings: int = 0
    """How many have ended, well or not."""
    listing_since: float | None = None
    """Unix time at which a listing began that has lasted for a while; None: none does."""
    last_attempt: float | None = None
    last_success: float | None = None
    error: EdgeError | None = None
    failures: int = 0
    list_again_at: float = 0.0
    """Monotonic time of the next listing."""


@dataclass(frozen=True)
class ServerSnapshot:
    """The last answers of this pod's server, and what all live servers on the volume have in common."""

    url: str = ""
    own: ServedModels | None = None
    served: ServedModels | None = None
    """What the servers that answer have in common; None: none does."""
    outdated: bool = False
    """What a busy server said last is among it."""
    unclear: Collection[str] = frozenset()
    """Models of which this pod's server tells in an unknown form; `served` has what it said before."""
    complete: bool = True
    """Every server on the volume has just told its part; else one may hold files that no other does."""
    busy_for: float | None = None
    """Seconds for which this pod's server has not answered though it is there, None: it has just answered.

    `own` is then what it said last.
    """
    failures: int = 0
    """How often in a row it did not answer."""
    loading_for: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    """Model -> configured local version -> seconds the reachable server has not had it AVAILABLE."""
    load_crashes: Mapping[str, Mapping[int, int]] = field(default_factory=dict)

    def states_of(self, model: str) -> Mapping[int, VersionState] | None:
        """What is served of a model; None when no server tells."""
        if self.served is None or (model in self.unclear and model not in self.served):
            return None
        return self.served.get(model, {})

    @cached_property
    def tried(self) -> Mapping[str, ServedModels]:
        """Model -> what is said of the entries in which serving settings of that model were ever tried."""
        entries = {(tried_model(name), name): states for name, states in (self.served or {}).items()}
        return by_model({(model, name): states for (model, name), states in entries.items() if model})

    @cached_property
    def loads(self) -> str:
        """A model of which the server is loading a version; empty for none. It loads one after the other."""
        loading = (name for name, states in (self.served or {}).items() if _LOADING in states.values())
        return min((tried_model(name) or name for name in loading), default="")

    @property
    def busy(self) -> bool:
        """Whether this pod's server is there, and answers late."""
        return self.busy_for is not None


@dataclass(frozen=True)
class Work:
    """What is under way in the background, by model and bucket version."""

    fetches: Mapping[str, Mapping[str, FetchProgress]] = field(default_factory=dict)
    fetch_errors: Mapping[str, Mapping[str, FetchError]] = field(default_factory=dict)
    staged: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Upload id of what lies checked in staging."""
    settings_checks: Collection[str] = frozenset()
    """Models whose new serving settings are in preflight."""
    checked_settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Model -> serving settings that passed preflight and are not in config.json yet."""
    write_errors: Mapping[str, str] = field(default_factory=dict)
    """Model -> why the volume did not take its last change."""


@dataclass(frozen=True)
class Mended:
    """Something on the volume that was not as it was left, and is again; `at`: Unix seconds."""

    at: float
    what: str
    """The kind: state, config, folder, card, lock or version."""
    sentence: str


@dataclass(frozen=True)
class Snapshot:
    """Bucket, server, volume and work under way at one moment."""

    now: float
    """Unix seconds."""
    time: float
    """Monotonic seconds."""
    bucket: BucketSnapshot = field(default_factory=BucketSnapshot)
    server: ServerSnapshot = field(default_factory=ServerSnapshot)
    state: State = field(default_factory=State)
    work: Work = field(default_factory=Work)
    room: DiskRoom = field(default_factory=DiskRoom)
    volume_error: str = ""
    """Why the volume could not be written in the last step; empty: it could."""
    mended: tuple[Mended, ...] = ()
    """The last of what was mended on the volume, newest last."""
    cards: Mapping[str, ServingCard] = field(default_factory=dict)
    watches: Mapping[str, WatchProgress] = field(default_factory=dict)
    """Model -> the last watch of a version that took over."""
    rules: Rules = field(default_factory=Rules)

    @property
    def names(self) -> list[str]:
        """Every model that is in the bucket or on the volume, in order."""
        catalog = self.bucket.catalog
        return sorted(self.state.models.keys() | (catalog.models.keys() if catalog else set()))

    def model(self, name: str, room: DiskRoom | None = None) -> ModelSnapshot:
        """The part that concerns one model; `room`: what others leave of it, if not all."""
        bucket, server, work = self.bucket, self.server, self.work
        card = self.cards.get(name, _NO_CARD)
        errors = work.fetch_errors.get(name, {})
        state = self.state.model(name)
        trial = trial_name(name, state.rollout) if state.rollout is not None else ""
        tried = server.tried.get(name, {})
        return ModelSnapshot(
            name=name,
            state=state,
            now=self.now,
            bucket_listed=bucket.catalog is not None,
            listed=bucket.catalog.models.get(name) if bucket.catalog is not None else None,
            served=server.states_of(name),
            server_busy=server.outdated or name in server.unclear,
            all_told=server.complete,
            server_loads=server.loads,
            policy=card.policy or self.rules.policy,
            pin=bucket.pins.get(name),
            settings=card.settings,
            card_rejection=card.rejection,
            edit_rejection=card.edit_rejection,
            quiet_for={key: self.time - since for key, since in bucket.quiet_since.get(name, {}).items()},
            gone=bucket.gone.get(name, ()),
            gone_at=bucket.gone_at.get(name, {}),
            removal_hold=bucket.removal_hold,
            fetches=work.fetches.get(name, {}),
            staged=work.staged.get(name, {}),
            room=self.room if room is None else room,
            fetch_errors={key: error.reason for key, error in errors.items() if self.time < error.retry_at},
            checked_settings=work.checked_settings.get(name),
            checking_settings=name in work.settings_checks,
            trial=dict(tried.get(trial, {})),
            trial_loading_for=server.loading_for.get(trial, {}),
            trial_crashes=server.load_crashes.get(trial, {}),
            tried=tuple(tried.values()),
            loading_for=server.loading_for.get(name, {}),
            load_crashes=server.load_crashes.get(name, {}),
            rules=self.rules,
        )


_NO_CARD = ServingCard()


def by_model(entries: Mapping[tuple[str, K], V]) -> dict[str, dict[K, V]]:
    """The same entries, found by model first."""
    found: dict[str, dict[K, V]] = {}
    for (model, key), value in entries.items():
        found.setdefault(model, {})[key] = value
    return found
