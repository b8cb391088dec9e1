"""What a pin asks of a plan, and the sentence about it. Pure.

A pin makes its version the newest that counts: what the policy asks for up to it is served, so lower numbers
may still answer those who ask for them. Newer uploads are fetched and tried, and served when the pin goes. A
pin that cannot be followed leaves what serves in place.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from edge_common.model_card import LatestVersions, VersionPolicy

from model_sync.bucket.keys import PIN_NAME, is_version_name, version_rank
from model_sync.bucket.pins import Pin
from model_sync.planning.model_snapshot import ModelSnapshot
from model_sync.planning.uploads import Phase, UploadStatus


@dataclass(frozen=True)
class Wanted:
    """Bucket versions, highest first."""

    served: tuple[str, ...] = ()
    tried: tuple[str, ...] = ()
    """Newer than the pinned one: brought to the volume, and not listed."""

    @property
    def all(self) -> tuple[str, ...]:
        """Those served before those tried."""
        return self.served + self.tried


@dataclass(frozen=True)
class PinStatus:
    """What became of a model's pin; `pin` None: it cannot be read, and nobody knows an earlier one."""

    pin: Pin | None
    holds: bool
    """Its version answers, or is about to."""
    sentence: str


def asked_for(policy: VersionPolicy, candidates: Iterable[str]) -> list[str]:
    """The candidates (bucket versions) that `policy` asks for, highest first.

    Candidates are versions that can be served as far as anybody knows: under `latest: 1` a rejected newest
    version is no candidate, so the next lower one is wanted instead.
    """
    ranked = sorted(candidates, key=version_rank, reverse=True)
    if policy == "all":
        return ranked
    if isinstance(policy, LatestVersions):
        return ranked[: policy.latest]
    return [
        bucket_version
        for bucket_version in ranked
        if bucket_version.isdigit() and int(bucket_version) in policy
    ]


def wanted_under_pin(model: ModelSnapshot, candidates: Collection[str], unfit: Collection[int]) -> Wanted:
    """What is to be served and tried of the `candidates`; `unfit`: stored versions that cannot be listed."""
    if model.pin is None:
        return Wanted(tuple(asked_for(model.policy, candidates)))
    pin = model.pin.pin
    if pin is not None and pin.version in candidates:
        rank = version_rank(pin.version)
        older = asked_for(model.policy, (name for name in candidates if version_rank(name) <= rank))
        served = older if pin.version in older else [pin.version, *older]
        newer = [name for name in asked_for(model.policy, candidates) if version_rank(name) > rank]
        return Wanted(tuple(served), tuple(newer))
    serving = {
        model.state.stored[local_version].bucket_version
        for local_version in model.state.configured
        if local_version in model.state.stored and local_version not in unfit
    }
    staying = sorted(serving.intersection(candidates), key=version_rank, reverse=True)
    return Wanted(tuple(staying or asked_for(model.policy, candidates)))


def pin_status(model: ModelSnapshot, uploads: Mapping[str, UploadStatus], wanted: Wanted) -> PinStatus | None:
    """What is to be said of the model's pin; None when it has none."""
    if model.pin is None:
        return None
    pin, problem = model.pin.pin, model.pin.problem
    if pin is None:
        return PinStatus(None, holds=False, sentence=f"{problem}; what serves stays until then")
    holds = pin.version in wanted.served
    said = [_who_and_why(pin)]
    if not holds:
        said += [_obstacle(model, pin.version, uploads.get(pin.version)), "what serves stays until then"]
    elif model.bucket_listed and model.upload(pin.version) is None:
        said.append(f"{pin.version} is no longer in the bucket, and stays on the volume while it is pinned")
    if problem is not None:
        said.append(f"the {PIN_NAME} that is there now is not followed: {problem}")
    highest = max(filter(is_version_name, uploads), key=version_rank, default=pin.version)
    if holds and version_rank(highest) > version_rank(pin.version):
        said.append(f"{highest} is newer")
    return PinStatus(pin, holds, "; ".join(said))


def _who_and_why(pin: Pin) -> str:
    by = f" by {pin.by}" if pin.by else ""
    reason = pin.reason.rstrip(" .;")
    return f"pinned to {pin.version}{by}" + (f", because {reason}" if reason else "")


def _obstacle(model: ModelSnapshot, version: str, status: UploadStatus | None) -> str:
    if status is None:
        there = [name for name in (model.listed.versions if model.listed else ()) if is_version_name(name)]
        have = f"the bucket has {', '.join(sorted(there, key=version_rank)[-5:])}; " if there else ""
        return f"{version} is neither in the bucket nor on the volume; {have}pin one of these, or upload it"
    if status.phase is Phase.REJECTED:
        return f"{version} is rejected: {status.reason}"
    return f"{version} is {status.phase.value}" + (f": {status.reason}" if status.reason else "")
