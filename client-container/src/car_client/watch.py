"""The endless part: follow the server's models, and classify every picture that arrives with all of them."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from edge_common.errors import RetryableError
from edge_common.logs import get_logger
from edge_common.pictures.decode import Picture, PictureLimits

from car_client.errors import ServerUnreachableError
from car_client.following import ModelFollower, ServerView
from car_client.in_flight import InFlight, Question, Reply, Settled
from car_client.inference.classifier import Classification, Classifier
from car_client.reports import log_inference, log_rejection
from car_client.sources.source import Frame, Source

_log = get_logger()
_MOST_IN_HAND = 8
"""Bounds the memory: a decoded photo of 12 megapixels takes 36 MB."""
_MOST_TOGETHER = 4
"""Frames in one group, so that one group is decoded while another is asked about."""
_MOST_INTERRUPTIONS = 3
"""Requests without an answer, while the server lists its models, before a picture is given up for a model."""
_PROGRESS_KEPT = 64


class Watch:
    """Take what arrived, have several pictures on their way at once, tell results in the order of arrival.

    A picture goes back to its source while the server cannot be reached, so an outage loses none. A picture
    that is damaged, or that a model refuses, is told once and not tried again until it changes.
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
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Look at the models every `interval` seconds; hand each result to `show` besides the log."""
        self._follower = follower
        self._classifier = classifier
        self._source = source
        self._interval = interval
        self._show = show
        self._monotonic = monotonic
        self._in_flight = InFlight(classifier, limits)
        self._alone: deque[Frame] = deque()
        """Frames in hand that found no answer before: each goes on its way alone, and so takes none along."""
        self._poll_at = float("-inf")
        self._source_trouble: str | None = None
        self._progress: dict[Frame, _Progress] = {}
        self.rejected = 0
        """Pictures that could not be classified, with some model or at all."""

    def run(self, stop: threading.Event) -> None:
        """Watch until `stop` is set; a server or source that is away is waited for."""
        _log.info("watch_started", source=str(self._source), interval=self._interval)
        while not stop.is_set():
            view = self._follower.refresh(max_age=self._interval / 2)
            pause = self._interval
            if _can_classify(view):
                self._begin_more(view)
                pause = self._until_next_poll()
            if self._in_flight:
                lost = self._settle_what_is_done(pause)
                if lost is not None:
                    self._follower.lose(lost)
            else:
                stop.wait(pause)
        self._end()

    def run_once(self, stop: threading.Event) -> None:
        """Classify what is complete now, and return. Raises RetryableError when no model can do it."""
        self._poll(0)
        stop.wait(self._interval)
        view = self._follower.refresh()
        if not _can_classify(view):
            reasons = view.trouble or view.table.why_unusable or "none is available"
            raise RetryableError(f"no model can be used: {reasons}")
        try:
            while not stop.is_set() and (self._begin_more(view) or self._in_flight):
                lost = self._settle_what_is_done(self._until_next_poll())
                if lost is not None:
                    raise lost
        finally:
            self._end()
        if self._source_trouble is not None:
            raise RetryableError(self._source_trouble)

    def _until_next_poll(self) -> float:
        """Seconds to wait for whatever comes first: a look at the models or, if there is room, a poll."""
        if not self._has_room():
            return self._interval
        return min(max(self._poll_at - self._monotonic(), 0.0), self._interval)

    def _has_room(self) -> bool:
        """Whether half of what may be in hand is free; polling for less would cost more than it brings."""
        return not self._alone and len(self._in_flight) <= _MOST_IN_HAND // 2

    def _begin_more(self, view: ServerView) -> bool:
        """Send on their way what the source has and there is room for; whether there was anything."""
        if self._alone and not self._in_flight:
            self._begin([self._alone.popleft()], view, in_turn=True)
            return True
        if not self._has_room() or self._monotonic() < self._poll_at:
            return False
        frames = self._poll(_MOST_IN_HAND - len(self._in_flight))
        if not frames:
            self._poll_at = self._monotonic() + self._source.pause
            return False
        self._alone += [frame for frame in frames if self._was_interrupted(frame)]
        fresh = [frame for frame in frames if not self._was_interrupted(frame)]
        together = min(_MOST_TOGETHER, max(map(self._classifier.batch_size, view.table.usable.values())))
        for start in range(0, len(fresh), together):
            self._begin(fresh[start : start + together], view)
        return True

    def _poll(self, at_most: int) -> Sequence[Frame]:
        """What the source has; that it is away is logged once until it is back."""
        try:
            frames = self._source.poll(at_most)
        except RetryableError as error:
            if self._source_trouble is None:
                _log.warning("source_lost", error=str(error))
            self._source_trouble = str(error)
            return []
        if self._source_trouble is not None:
            _log.info("source_back")
            self._source_trouble = None
        return frames

    def _begin(self, frames: Sequence[Frame], view: ServerView, *, in_turn: bool = False) -> None:
        questions = [
            Question(model, [frame for frame in frames if name not in self._progress_of(frame).answered])
            for name, model in view.table.usable.items()
        ]
        self._in_flight.begin(frames, questions, in_turn=in_turn)

    def _settle_what_is_done(self, within: float) -> ServerUnreachableError | None:
        """Settle groups from the oldest on, waiting `within` seconds for it; the error of a lost server."""
        lost: ServerUnreachableError | None = None
        while self._in_flight and self._in_flight.is_oldest_settled(within=within):
            lost = self._settle(self._in_flight.settle_oldest()) or lost
            within = 0.0
        return lost

    def _end(self) -> None:
        """Tell what is on its way already, and begin nothing more of it."""
        self._in_flight.cut_short()
        while self._in_flight:
            self._settle(self._in_flight.settle_oldest())

    def _settle(self, settled: Settled) -> ServerUnreachableError | None:
        """Acknowledge frames all models have answered for, give others back; the error of a lost server."""
        for frame, error in settled.rejected.items():
            log_rejection(frame.name, error)
            self.rejected += 1
        errors = [self._take_reply(reply) for reply in settled.replies]
        for frame in settled.frames:
            names = {question.model.name for question in settled.questions if frame in question.frames}
            if frame in settled.rejected or names <= self._progress_of(frame).answered:
                self._progress.pop(frame, None)
                self._source.acknowledge(frame)
            else:
                self._source.give_back(frame)
        return next((error for error in errors if error is not None), None)

    def _take_reply(self, reply: Reply) -> ServerUnreachableError | None:
        progress = [self._progress_of(frame) for frame in reply.frames]
        if isinstance(reply.error, ServerUnreachableError):
            for entry in progress:
                entry.interruptions[reply.model] += 1
            if any(entry.interruptions[reply.model] < _MOST_INTERRUPTIONS for entry in progress):
                return reply.error
        if reply.error is not None:
            for frame in reply.frames:
                _log.warning("inference_failed", model=reply.model, image=frame.name, error=str(reply.error))
            self.rejected += len(reply.frames)
        for picture, result in zip(reply.pictures, reply.results, strict=False):
            log_inference(result)
            self._show(picture, result)
        for entry in progress:
            entry.answered.add(reply.model)
            entry.interruptions.pop(reply.model, None)
        return None

    def _was_interrupted(self, frame: Frame) -> bool:
        return frame in self._progress and bool(self._progress[frame].interruptions)

    def _progress_of(self, frame: Frame) -> "_Progress":
        """How far it has come; what never came back from the source is forgotten, oldest first."""
        while len(self._progress) >= _PROGRESS_KEPT and frame not in self._progress:
            self._progress.pop(next(iter(self._progress)))
        return self._progress.setdefault(frame, _Progress())


def _can_classify(view: ServerView) -> bool:
    return view.trouble is None and bool(view.table.usable)


@dataclass(slots=True)
class _Progress:
    """How far a frame has come; kept while it is offered again and again."""

    answered: set[str] = field(default_factory=set)
    interruptions: Counter[str] = field(default_factory=Counter)
    """By model, while it has not answered."""
