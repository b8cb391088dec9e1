"""Which versions of a model are wanted, by policy and pin, and which folders are no longer needed. Pure.

A pin makes its version the newest that counts: what the policy asks for up to it is served, so lower numbers
may still answer those who ask for them. Newer uploads are fetched and tried, and served when the pin goes. A
pin that cannot be followed leaves what serves in place.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from edge_common.model_card import LatestVersions, VersionPolicy
from edge_common.served_state import VersionState

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
    return [name for name in ranked if name.isdigit() and int(name) in policy]


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
        there = sorted(filter(is_version_name, model.uploads), key=version_rank)[-5:]
        have = f"the bucket has {', '.join(there)}; " if there else ""
        return f"{version} is neither in the bucket nor on the volume; {have}pin one of these, or upload it"
    if status.phase is Phase.REJECTED:
        return f"{version} is rejected: {status.reason}"
    return f"{version} is {status.phase.value}" + (f": {status.reason}" if status.reason else "")


def describe_policy(policy: VersionPolicy) -> str:
    """The policy as people write it: `latest: 1`, `all`, `1, 3`."""
    if isinstance(policy, LatestVersions):
        return f"latest: {policy.latest}"
    return policy if policy == "all" else ", ".join(str(local_version) for local_version in policy)


def unfit_versions(model: ModelSnapshot, failed: Collection[int]) -> set[int]:
    """Stored local versions that are not to be listed.

    Those that `failed`, rejected ones, and what is outdated or of unknown worth and has never answered, or is
    of unknown worth and fails now: nobody can say that it would ever load again.
    """
    unfit = set(failed)
    for local_version, version in model.state.stored.items():
        upload = model.upload(version.bucket_version)
        outdated = upload is not None and upload.fingerprint != version.fingerprint
        state = model.state_of(local_version)
        failing = state is VersionState.FAILED and not version.trusted
        answered = state is VersionState.AVAILABLE or (local_version in model.state.confirmed and not failing)
        rejected = model.rejected_by_server(version) or model.taken_back(version)
        if rejected or ((outdated or not version.trusted) and not answered):
            unfit.add(local_version)
    return unfit


def wanted_versions(
    model: ModelSnapshot, uploads: Mapping[str, UploadStatus], unfit: Collection[int]
) -> Wanted:
    """Bucket versions that policy and pin ask for, of those that can be served as far as anybody knows."""
    pinned = model.pin.pin.version if model.pin is not None and model.pin.pin is not None else None
    candidates = {bucket_version for bucket_version, status in uploads.items() if status.fetchable}
    for local_version, version in model.state.stored.items():
        if model.bucket_listed:
            eligible = version.bucket_version not in model.gone
        else:  # without a listing nothing new is taken up, only what was chosen before
            eligible = local_version in (model.state.configured or model.state.stored)
        if (eligible or version.bucket_version == pinned) and local_version not in unfit:
            candidates.add(version.bucket_version)
    return wanted_under_pin(model, candidates, unfit)


def ready_versions(model: ModelSnapshot, wanted: Wanted) -> set[int]:
    """Stored versions that are served as soon as the pin goes, and stay on the volume for that."""
    uploads = (upload for upload in map(model.upload, wanted.tried) if upload is not None)
    pairs = ((upload, model.stored_for(upload.bucket_version)) for upload in uploads)
    return {one.local_version for upload, one in pairs if one and one.fingerprint == upload.fingerprint}


def superfluous_versions(model: ModelSnapshot, in_use: Collection[int]) -> frozenset[int]:
    """Stored local versions that may be deleted once the server has let go of them.

    Kept are those in use, and of the others the newest `keep_previous`, for rollback; while something that is
    listed is damaged, also the newest good one, which can answer when the server has to load anew. Without a
    listing nothing is superfluous, because nobody knows.
    """
    if not model.bucket_listed:
        return frozenset()
    superfluous = set()
    previous = []
    for local_version, version in model.state.stored.items():
        if local_version in in_use:
            continue
        upload = model.upload(version.bucket_version)
        replaced = upload is not None and upload.fingerprint != version.fingerprint
        standing_in = model.stored_for(version.bucket_version)
        if version.bucket_version in model.gone or replaced or standing_in is not version:
            superfluous.add(local_version)
        elif version.trusted:  # else it stays until the bucket surely does not have it
            previous.append((version.published_at, local_version))
    previous.sort(reverse=True)
    superfluous.update(local_version for _, local_version in previous[model.rules.keep_previous :])
    stored = model.state.stored
    if any(stored[n].harmed for n in model.state.configured if n in stored):
        # unless what is to replace the damaged one waits for its number
        good = [n for n in superfluous if stored[n].trusted and str(n) not in model.staged]
        superfluous.discard(max(good, key=lambda n: stored[n].published_at, default=0))
    return frozenset(superfluous)
