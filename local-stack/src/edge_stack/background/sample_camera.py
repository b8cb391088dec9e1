"""A camera to show the page with: delivers pictures of a folder, one after the other, without end."""

import shutil
from collections.abc import Callable
from pathlib import Path

from edge_common.errors import FatalError
from edge_common.logs import get_logger

EVERY_SECONDS = 15.0

log = get_logger()


class SampleCamera:
    """Plays the pictures of one folder into another, from which they are classified."""

    def __init__(self, pictures: Path, delivered: Path, *, clock: Callable[[], float]) -> None:
        """Find the pictures; raises FatalError when there is none."""
        self._pictures = sorted([*pictures.glob("*.jpg"), *pictures.glob("*.png")])
        if not self._pictures:
            raise FatalError(f"there is no picture in {pictures}, as *.jpg or *.png; name another folder")
        self._delivered = delivered
        self._clock = clock
        self._count = 0
        self._due_at = clock()
        self._refused = False

    def look(self) -> None:
        """Deliver the next picture when 15 seconds are over, by a rename, so that nobody reads half of it.

        A folder that takes none is told once, and tried again.
        """
        now = self._clock()
        if now < self._due_at:
            return
        self._due_at = now + EVERY_SECONDS
        picture = self._pictures[self._count % len(self._pictures)]
        self._count += 1
        fresh = self._delivered / f".{picture.name}"
        try:
            shutil.copyfile(picture, fresh)
            fresh.replace(self._delivered / picture.name)
        except OSError as error:
            if not self._refused:
                log.warning("picture_not_delivered", picture=str(picture), reason=error.strerror)
            self._refused = True
            return
        self._refused = False
