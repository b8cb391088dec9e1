"""Several sources at a time: each with a watch, a rate and models of its own, in a thread of its own."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from edge_common.pictures.decode import Picture

from car_client.models.follower import ModelFollower
from car_client.output.source_record import SourceRecord
from car_client.pipeline.classifier import Classification
from car_client.pipeline.jobs import Pipeline
from car_client.session import Session
from car_client.settings import Settings
from car_client.sources.address import open_source
from car_client.sources.source import Source
from car_client.watching.watch import Watch


@dataclass(frozen=True, slots=True)
class Camera:
    """An open source, and what is told of it."""

    source: Source
    record: SourceRecord

    def close(self) -> None:
        """Release connections and devices."""
        self.source.close()


def open_cameras(settings: Settings) -> list[Camera]:
    """Every source of the settings. Raises FatalError when one cannot be; outages show when it is polled."""
    cameras: list[Camera] = []
    try:
        for number, one in enumerate(settings.source):
            source = open_source(one.address, settings, every=one.sample_interval)
            cameras.append(Camera(source, SourceRecord(number, one.name or str(source), one.models)))
    except BaseException:
        for camera in cameras:
            camera.close()
        raise
    return cameras


def watches_of(
    cameras: Sequence[Camera],
    session: Session,
    follower: ModelFollower,
    show: Callable[[str, Picture, Classification], None],
) -> list[Watch]:
    """A watch for each camera with the means of `session`.

    `show` is called by one of them at a time, with the name of the source, the picture, and a result.
    """
    lock = threading.Lock()

    def show_in_turn(source: str, picture: Picture, result: Classification) -> None:
        with lock:
            show(source, picture, result)

    return [
        Watch(
            camera.source,
            follower,
            Pipeline(session.classifier, counted=session.tally.source()),
            limits=session.limits,
            interval=session.settings.interval,
            show=partial(show_in_turn, camera.record.name),
            record=camera.record,
        )
        for camera in cameras
    ]


def run_together(runs: Sequence[Callable[[], None]], stop: threading.Event | None = None) -> None:
    """Call each in a thread of its own and return when all have ended; then raise the first error of one.

    An error sets `stop`, so that the others end as well; without it they do their work first.
    """
    errors: list[BaseException] = []

    def run(one: Callable[[], None]) -> None:
        try:
            one()
        except BaseException as error:  # noqa: BLE001 - raised below, in the thread that waits
            errors.append(error)
            if stop is not None:
                stop.set()

    threads = [
        threading.Thread(target=run, args=(one,), name=f"watch-{number}", daemon=True)
        for number, one in enumerate(runs)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
