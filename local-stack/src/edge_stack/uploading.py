"""Models into the bucket of a stack that runs, until they are served."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from edge_common.errors import FatalError

from edge_stack.stack import Stack

_SERVED_WITHIN = 60.0


def upload_models(stack: Stack, folder: Path) -> Sequence[str]:
    """Upload each `NAME/VERSION/` of `folder` that the bucket lacks, and wait until all are served.

    Returns `NAME/VERSION` of all of them. Raises FatalError when there is none, RejectedError when an upload
    fails, and RetryableError when a model is not served in time.
    """
    found = list(_versions(folder))
    if not found:
        raise FatalError(f"there is no model in {folder}, as NAME/VERSION/; build some: make models")
    known = stack.status()["models"]
    for model, version in found:
        listed = known.get(model, {"versions": []})["versions"]
        if all(entry["source"] != str(version) for entry in listed):
            stack.push(folder / model / str(version), model=model, version=version)
    for model, version in found:
        stack.wait_version(model, version, "serving", within=_SERVED_WITHIN)
    return [f"{model}/{version}" for model, version in found]


def _versions(folder: Path) -> Iterator[tuple[str, int]]:
    for version in sorted(folder.glob("*/*/")):
        if version.is_dir() and version.name.isdecimal():
            yield version.parent.name, int(version.name)
