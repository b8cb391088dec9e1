"""Which versions of a model are wanted: the card's policy, or the sidecar's default. Pure."""

from collections.abc import Iterable

from edge_common.model_card import LatestVersions, VersionPolicy

from model_sync.bucket.keys import version_rank


def wanted_sources(policy: VersionPolicy, candidates: Iterable[str]) -> list[str]:
    """The candidates (bucket folder names) that `policy` asks for, highest first.

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
