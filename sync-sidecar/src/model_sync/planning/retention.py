"""Which folders on the volume are no longer needed. Pure."""

from collections.abc import Collection

from model_sync.planning.snapshot import ModelView


def superfluous_numbers(view: ModelView, in_use: Collection[int]) -> frozenset[int]:
    """Stored numbers that may be deleted once the server has let go of them.

    Kept are those in use, and of the others the newest `keep_previous`, for rollback. Without a listing
    nothing is superfluous, because nobody knows.
    """
    if not view.listed:
        return frozenset()
    superfluous = set()
    previous = []
    for local_version, version in view.state.stored.items():
        if local_version in in_use:
            continue
        upload = view.upload(version.bucket_version)
        replaced = upload is not None and upload.fingerprint != version.fingerprint
        standing_in = view.stored_for(version.bucket_version)
        if version.bucket_version in view.gone or replaced or standing_in is not version:
            superfluous.add(local_version)
        elif version.trusted:  # else it stays until the bucket surely does not have it
            previous.append((version.published_at, local_version))
    previous.sort(reverse=True)
    superfluous.update(local_version for _, local_version in previous[view.rules.keep_previous :])
    return frozenset(superfluous)
