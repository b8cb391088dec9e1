"""What the sidecar remembers across restarts: `state.json`.

It records intentions before they are carried out: a version is entered before its folder is renamed into
place, a configuration before config.json is written. So after a kill at any point the next start can finish
or drop what was begun, and nothing on the volume is there without a record.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

from model_sync.bucket.checksums import format_checksums
from model_sync.bucket.pins import Pin
from model_sync.planning.evidence import Evidence

UNKNOWN = "unknown"
"""Fingerprint of content whose upload nobody remembers; its files are compared when the upload is seen."""
DAMAGED = "damaged"
"""Fingerprint of content that somebody else has changed on the volume."""
_MISSING = "missing:"
"""Begins the fingerprint of content whose folder is gone; what it was follows, and may be put back there."""


@dataclass(frozen=True)
class StoredFile:
    """One file of a published version; `path` is relative to the version's folder."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class StoredVersion:
    """A version on the volume, in the folder `local_version`; it came from the bucket's `bucket_version`."""

    local_version: int
    bucket_version: str
    fingerprint: str
    files: tuple[StoredFile, ...]
    published_at: float
    evidence: Evidence = field(default_factory=Evidence)

    @property
    def trusted(self) -> bool:
        """Whether it is known to be what some upload was; else it is never listed anew."""
        return self.fingerprint != UNKNOWN and not self.harmed

    @property
    def harmed(self) -> bool:
        """Whether its folder is not as it was published, or gone."""
        return self.fingerprint == DAMAGED or self.is_missing

    @property
    def is_missing(self) -> bool:
        """Whether its folder is gone."""
        return self.fingerprint.startswith(_MISSING)

    def may_be_put_back(self, fingerprint: str) -> bool:
        """Whether its folder is gone and the content `fingerprint` is what was in it.

        A server that still answers from memory then finds what it has loaded.
        """
        return self.fingerprint == missing(fingerprint)

    @cached_property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @cached_property
    def as_dict(self) -> Mapping[str, Any]:
        """Its entry in state.json."""
        facts = {field.name: getattr(self, field.name) for field in fields(self)}
        return facts | {"files": [vars(file) for file in self.files], "evidence": asdict(self.evidence)}

    @cached_property
    def digest(self) -> str:
        """One digest for the content, `sha256:` and that of the version's SHA256SUMS text."""
        digests = {file.path: file.sha256 for file in self.files}
        return "sha256:" + hashlib.sha256(format_checksums(digests)).hexdigest()


def missing(fingerprint: str) -> str:
    """The fingerprint of a version that was `fingerprint`, and whose folder is gone."""
    return fingerprint if fingerprint.startswith(_MISSING) else _MISSING + fingerprint


class RejectedAt(StrEnum):
    """Which check rejected an upload."""

    UPLOAD = "upload"
    """It lacks something, or does not fit together; what is missing may also be mended in the store."""
    CHECK = "check"
    SERVER = "server"
    WATCH = "watch"
    """It answered, and did clearly worse than the version before. The rejection is kept after a person has
    had it tried again, so that it does not happen twice."""


@dataclass(frozen=True)
class Rejection:
    """Why an upload is not served. It holds until the upload changes, or for a retry after a pause."""

    upload_id: str
    reason: str
    stage: str
    since: float
    attempts: int = 1
    retry_at: float | None = None
    """Unix time of the next try; None: only when the upload changes."""

    def outlives_publication(self, upload_id: str) -> bool:
        """Whether it is remembered when `upload_id` is published: only the server, or nothing, ends it."""
        again = self.stage == RejectedAt.WATCH and self.upload_id == upload_id
        return self.stage == RejectedAt.SERVER or again


@dataclass(frozen=True)
class RejectedSettings:
    """Serving settings that cannot be used, and why; tried again once the card asks for others, or later."""

    settings: Mapping[str, Any]
    reason: str
    attempts: int = 1
    retry_at: float | None = None
    """Unix time of the next try; None: only when the card asks for others."""


@dataclass(frozen=True)
class Rollout:
    """New serving settings on their way into a model's entry, those before, and what they are tried with."""

    settings: Mapping[str, Any]
    before: Mapping[str, Any]
    versions: tuple[int, ...]
    bridge: int | None = None
    """The number that answers while `versions` are compiled anew; None: the settings are being tried."""
    rejected_before: int = 0
    """How often these settings were rejected before."""


@dataclass(frozen=True)
class ModelState:
    """One model on the volume."""

    stored: Mapping[int, StoredVersion] = field(default_factory=dict)
    configured: tuple[int, ...] = ()
    """Local versions in the model's entry of config.json, ascending; empty: the model has no entry."""
    confirmed: tuple[int, ...] = ()
    """Those of them that the server has had AVAILABLE; what answered once is not rejected later."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Serving settings in the model's entry of config.json."""
    last_local_version: int = 0
    """Highest ever used, so that none is used twice for different content."""
    rejections: Mapping[str, Rejection] = field(default_factory=dict)
    """By bucket version."""
    rollout: Rollout | None = None
    rejected_settings: RejectedSettings | None = None
    pin: Pin | None = None
    """As last seen in the bucket; it holds after a restart, too, until the bucket says otherwise."""

    def stored_with(self, bucket_version: str, files: Iterable[StoredFile]) -> StoredVersion | None:
        """The version from `bucket_version` of exactly these files, whatever its fingerprint."""
        wanted, versions = set(files), self.stored.values()
        same = (v for v in versions if v.bucket_version == bucket_version and set(v.files) == wanted)
        return next(same, None)

    def with_stored(self, version: StoredVersion) -> "ModelState":
        """The same with `version` entered, replacing what had its local version."""
        number = version.local_version
        last = max(self.last_local_version, number)
        return replace(self, stored={**self.stored, number: version}, last_local_version=last)

    def without_stored(self, local_version: int) -> "ModelState":
        """The same without one version."""
        return replace(self, stored={n: v for n, v in self.stored.items() if n != local_version})

    def with_rejection(self, bucket_version: str, rejection: Rejection | None) -> "ModelState":
        """The same with the rejection of `bucket_version` replaced, or cleared by None."""
        others = {name: other for name, other in self.rejections.items() if name != bucket_version}
        return replace(self, rejections=others | ({bucket_version: rejection} if rejection else {}))

    @property
    def empty(self) -> bool:
        """Whether there is nothing left to remember."""
        return not (self.stored or self.configured or self.rejections)

    @cached_property
    def as_json(self) -> str:
        """Its entry in state.json; made once, because a change of one model writes the file for all."""
        # not asdict: it copies every file of every version, a value at a time
        rest = asdict(replace(self, stored={}))
        return json.dumps(rest | {"stored": [version.as_dict for version in self.stored.values()]})


@dataclass(frozen=True)
class State:
    """Everything that outlives the process."""

    models: Mapping[str, ModelState] = field(default_factory=dict)
    writer: int = 0
    """Fencing token of the sidecar that recorded it: higher with each that takes the volume over."""

    def model(self, name: str) -> ModelState:
        """The state of one model; an empty one when nothing is known."""
        return self.models.get(name, ModelState())

    def with_model(self, name: str, model: ModelState) -> "State":
        """The same with one model replaced, or forgotten when nothing is left of it."""
        others = {other: state for other, state in self.models.items() if other != name}
        return replace(self, models=others if model.empty else {**others, name: model})
