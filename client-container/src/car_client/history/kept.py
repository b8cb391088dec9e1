"""The history that the settings ask for, while a command runs."""

from collections.abc import Iterator
from contextlib import contextmanager

from car_client.history.history import History
from car_client.metrics import ClientMetrics
from car_client.settings import Settings


@contextmanager
def kept_history(settings: Settings, metrics: ClientMetrics) -> Iterator[History | None]:
    """A running history; None when the settings name no file."""
    if settings.history is None:
        yield None
        return
    with History(
        settings.history,
        max_bytes=settings.history_max_bytes,
        max_age=settings.history_max_age,
        thumbnails=settings.history_thumbnails,
        count=metrics.count_history,
    ) as history:
        yield history
