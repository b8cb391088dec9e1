"""What `up` is given: models to have in the bucket, and pictures to play as a camera that shows the page."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from edge_common.errors import FatalError
from edge_common.logs import get_logger

from edge_stack.stack import Stack

EVERY_SECONDS = 15.0
_SERVED_WITHIN_SECONDS = 60.0

log = get_logger()


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


class SampleCamera:
    """Plays the pictures of one folder into another, from which they are classified."""

    def __init__(self, pictures: Path, delivered: Path, *, clock: Callable[[], float]) -> None:
        """Find the pictures; raises FatalError when there is none."""
        self._pictures = sorted([*pictures.glob("*.jpg"), *pictures.glob("*.png")])
        if not self._pictures:
            raise FatalError(f"there is no picture in {pictures}, as *.jpg or *.png; name another folder")
        self._delivered, self._clock = delivered, clock
        self._count, self._due_at = 0, clock()
        self._refused = False

    def look(self) -> None:
        """Deliver the next picture when 15 seconds are over, by a rename, so that nobody reads half of it.

        A folder that takes none is told once, and tried again.
        """
        if (now := self._clock()) < self._due_at:
            return
        self._due_at = now + EVERY_SECONDS
        picture = self._pictures[self._count % len(self._pictures)]
        self._count += 1
        fresh = self._delivered / f".{picture.name}"
        try:
            shutil.copyfile(picture, fresh)
            fresh.replace(self._delivered / picture.name)
            self._refused = False
        except OSError as error:
            if not self._refused:
                log.warning("picture_not_delivered", picture=str(picture), reason=error.strerror)
            self._refused = True
