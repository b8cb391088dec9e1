"""The endless part: follow the server's models, and classify every picture that arrives with all of them."""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from edge_common.errors import RejectedError, RetryableError
from edge_common.logs import get_logger
from edge_common.pictures.decode import NotAPictureError, Picture, PictureLimits, decode_picture

from car_client.errors import ServerUnreachableError
from car_client.following import ModelFollower, ServerView
from car_client.inference.classifier import Classification, Classifier
from car_client.models.served_model import ServedModel
from car_client.reports import log_inference, log_rejection
from car_client.sources.source import Frame, Source

_log = get_logger()
_FRAMES_A_ROUND = 8
"""Bounds the memory: a decoded photo of 12 megapixels takes 36 MB."""
_MOST_INTERRUPTIONS = 3
"""Requests without an answer, while the server lists its models, before a picture is given up for a model."""


class Watch:
    """One round after another: refresh the model table, take what arrived, classify it, acknowledge it.

    A picture stays in its source while the server cannot be reached or has no model, so an outage loses none.
    A picture that is damaged, or that a model refuses, is told once and not tried again until it changes.
    """

    def __init__(
        self,
        follower: ModelFollower,
        classifier: Classifier,
        source: Source,
        *,
        limits: PictureLimits,
        interval: float,
        show: Callable[[Picture, Classification], None],
    ) -> None:
        """Pause `interval` seconds when nothing is to be done; hand each result to `show` besides the log."""
        self._follower = follower
        self._classifier = classifier
        self._source = source
        self._limits = limits
        self._interval = interval
        self._show = show
        self._source_trouble: str | None = None
        self._progress: dict[Frame, _Progress] = {}
        self.rejected = 0
        """Pictures that could not be classified, with some model or at all."""

    def run(self, stop: threading.Event) -> None:
        """Rounds until `stop` is set; a server or source that is away is waited for."""
        _log.info("watch_started", source=str(self._source), interval=self._interval)
        while not stop.is_set():
            view = self._follower.refresh(max_age=self._interval / 2)
            busy = _can_classify(view) and self._take_pictures(stop)
            if not busy:
                stop.wait(self._interval)

    def run_once(self, stop: threading.Event) -> None:
        """Classify what is complete now, and return. Raises RetryableError when no model can do it."""
        self._source.poll(0)
        stop.wait(self._interval)
        view = self._follower.refresh()
        if not _can_classify(view):
            reasons = view.trouble or "; ".join(view.table.unusable.values()) or "none is available"
            raise RetryableError(f"no model can be used: {reasons}")
        while not stop.is_set():
            frames = self._source.poll(_FRAMES_A_ROUND)
            if not frames:
                return
            self._classify(frames, stop)

    def _take_pictures(self, stop: threading.Event) -> bool:
        """Whether some were classified, so that there may be more at once."""
        try:
            frames = self._source.poll(_FRAMES_A_ROUND)
        except RetryableError as error:
            if self._source_trouble is None:
                _log.warning("source_lost", error=str(error))
            self._source_trouble = str(error)
            return False
        if self._source_trouble is not None:
            _log.info("source_back")
            self._source_trouble = None
        try:
            self._classify(frames, stop)
        except ServerUnreachableError as error:
            self._follower.lose(error)
            return False
        return bool(frames)

    def _classify(self, frames: Sequence[Frame], stop: threading.Event) -> None:
        """Classify `frames` with every model; acknowledge each when all models have answered for it.

        Raises ServerUnreachableError; then nothing is acknowledged, and who has answered is remembered.
        """
        self._progress = {frame: self._progress.get(frame, _Progress()) for frame in frames}
        pictures = {frame: picture for frame in frames if (picture := self._decode(frame)) is not None}
        for model in self._follower.view.table.usable.values():
            waiting = [frame for frame in pictures if model.name not in self._progress[frame].answered]
            for batch in self._batches(model, waiting):
                if stop.is_set():
                    return
                progress = [self._progress[frame] for frame in batch]
                self._classify_batch(model, [pictures[frame] for frame in batch], progress)
        for frame in frames:
            self._source.acknowledge(frame)

    def _batches(self, model: ServedModel, frames: Sequence[Frame]) -> Iterable[Sequence[Frame]]:
        """What goes in one request; what found no answer before goes alone, so that it takes none along."""
        fresh = [frame for frame in frames if not self._progress[frame].interruptions]
        tried = [[frame] for frame in frames if self._progress[frame].interruptions]
        size = self._classifier.batch_size(model)
        return [*(fresh[start : start + size] for start in range(0, len(fresh), size)), *tried]

    def _decode(self, frame: Frame) -> Picture | None:
        try:
            return decode_picture(frame.name, frame.content, self._limits)
        except NotAPictureError as error:
            log_rejection(frame.name, error)
            self.rejected += 1
            self._source.acknowledge(frame)
            return None

    def _classify_batch(
        self, model: ServedModel, pictures: Sequence[Picture], progress: Sequence["_Progress"]
    ) -> None:
        try:
            results = list(self._classifier.classify(model, pictures))
        except (RejectedError, RetryableError) as error:
            if isinstance(error, ServerUnreachableError):
                for entry in progress:
                    entry.interruptions += 1
                if any(entry.interruptions < _MOST_INTERRUPTIONS for entry in progress):
                    raise
            for picture in pictures:
                _log.warning("inference_failed", model=model.name, image=picture.name, error=str(error))
            self.rejected += len(pictures)
        else:
            for picture, result in zip(pictures, results, strict=True):
                log_inference(result)
                self._show(picture, result)
        for entry in progress:
            entry.answered.add(model.name)
            entry.interruptions = 0


def _can_classify(view: ServerView) -> bool:
    return view.trouble is None and bool(view.table.usable)


@dataclass(slots=True)
class _Progress:
    """How far a frame has come; kept while it is offered again and again."""

    answered: set[str] = field(default_factory=set)
    interruptions: int = 0
