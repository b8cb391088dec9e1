"""Which versions of a model are wanted, which may be listed, and which folders are no longer needed. Pure."""

from collections.abc import Collection, Mapping

from edge_common.model_card import LatestVersions, VersionPolicy
from edge_common.served_state import VersionState

from model_sync.planning.model_snapshot import ModelSnapshot
from model_sync.planning.pinning import Wanted, wanted_under_pin
from model_sync.planning.uploads import UploadStatus


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
    found = set()
    for bucket_version in wanted.tried:
        upload, stored = model.upload(bucket_version), model.stored_for(bucket_version)
        if stored is not None and upload is not None and stored.fingerprint == upload.fingerprint:
            found.add(stored.local_version)
    return found


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
