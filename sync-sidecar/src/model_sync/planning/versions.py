"""Which versions of a model are wanted, which may be listed, and which folders are no longer needed. Pure."""

from collections.abc import Collection, Iterable, Mapping

from edge_common.model_card import LatestVersions, VersionPolicy
from edge_common.served_state import VersionState

from model_sync.bucket.keys import version_rank
from model_sync.planning.model_snapshot import ModelSnapshot
from model_sync.planning.uploads import UploadStatus


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


def describe_policy(policy: VersionPolicy) -> str:
    """The policy as people write it: `latest: 1`, `all`, `1, 3`."""
    if isinstance(policy, LatestVersions):
        return f"latest: {policy.latest}"
    return policy if policy == "all" else ", ".join(str(local_version) for local_version in policy)


def unfit_versions(model: ModelSnapshot, failed: Collection[int]) -> set[int]:
    """Stored local versions that are not to be listed.

    Those that `failed`, rejected ones, and what is outdated or of unknown worth and has never answered.
    """
    unfit = set(failed)
    for local_version, version in model.state.stored.items():
        upload = model.upload(version.bucket_version)
        outdated = upload is not None and upload.fingerprint != version.fingerprint
        answered = (
            local_version in model.state.confirmed or model.state_of(local_version) is VersionState.AVAILABLE
        )
        if model.rejected_by_server(version) or ((outdated or not version.trusted) and not answered):
            unfit.add(local_version)
    return unfit


def wanted_versions(
    model: ModelSnapshot, uploads: Mapping[str, UploadStatus], unfit: Collection[int]
) -> list[str]:
    """Bucket versions that the policy asks for, of those that can be served as far as anybody knows."""
    candidates = {bucket_version for bucket_version, status in uploads.items() if status.fetchable}
    for local_version, version in model.state.stored.items():
        if model.bucket_listed:
            eligible = version.bucket_version not in model.gone
        else:  # without a listing nothing new is taken up, only what was chosen before
            eligible = local_version in (model.state.configured or model.state.stored)
        if eligible and local_version not in unfit:
            candidates.add(version.bucket_version)
    return asked_for(model.policy, candidates)


def superfluous_versions(model: ModelSnapshot, in_use: Collection[int]) -> frozenset[int]:
    """Stored local versions that may be deleted once the server has let go of them.

    Kept are those in use, and of the others the newest `keep_previous`, for rollback. Without a listing
    nothing is superfluous, because nobody knows.
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
    return frozenset(superfluous)
