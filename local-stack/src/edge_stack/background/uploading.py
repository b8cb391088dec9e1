"""Models of a folder into the bucket of a running stack."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from edge_common.errors import FatalError

from edge_stack.stack import Stack

_SERVED_WITHIN_SECONDS = 60.0


def upload_models(stack: Stack, folder: Path) -> Sequence[str]:
    """Upload each `NAME/VERSION/` of `folder` that the bucket lacks, and wait until all are served.

    Returns `NAME/VERSION` of all of them. Raises FatalError when there is none, RejectedError when an upload
    fails, and RetryableError when a model is not served in time.
    """
    found = list(_versions(folder))
    if not found:
        raise FatalError(f"there is no model in {folder}, as NAME/VERSION/; build some: make models")
    for model, version in found:
        source = folder / model / str(version)
        if not stack.store.has_all(source, f"{model}/{version}/"):
            stack.push(source, model=model, version=version)
    stack.ask_for_sync()
    for model, version in found:
        stack.wait_version(model, version, "serving", within=_SERVED_WITHIN_SECONDS)
    return [f"{model}/{version}" for model, version in found]


def _versions(folder: Path) -> Iterator[tuple[str, int]]:
    for version in sorted(folder.glob("*/*/")):
        if version.is_dir() and version.name.isdecimal():
            yield version.parent.name, int(version.name)
