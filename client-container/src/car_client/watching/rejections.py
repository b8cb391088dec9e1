"""What was told of pictures that cannot be read: an address may give a new one of these each second."""

import re
from collections import OrderedDict

from edge_common.pictures.decode import NotAPictureError

from car_client.output.documents import log_rejection

_MOST_NAMES = 1000
_DETAIL = re.compile(r"\(.*?\)|\d+")
"""What differs from one damaged picture to the next."""


class Rejections:
    """Tells each kind of reason once for a name, until a picture of that name can be read. For one thread."""

    def __init__(self) -> None:
        """Nothing is told yet."""
        self._told: OrderedDict[str, set[str]] = OrderedDict()

    def tell(self, name: str, error: NotAPictureError) -> None:
        """Log the rejection, unless one of the same kind was the talk since the last good picture."""
        kind = _DETAIL.sub("", str(error).removeprefix(name))
        told = self._told.setdefault(name, set())
        self._told.move_to_end(name)
        if kind not in told:
            told.add(kind)
            log_rejection(name, error)
        if len(self._told) > _MOST_NAMES:
            self._told.popitem(last=False)

    def is_good(self, name: str) -> None:
        """A picture of that name was read; the next one that is not is told again."""
        self._told.pop(name, None)
