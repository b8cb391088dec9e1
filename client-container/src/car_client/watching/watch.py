"""Classify every picture that arrives in one source with all the server's models, until told to stop."""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from edge_common.errors import EdgeError, RetryableError
from edge_common.logs import get_logger
from edge_common.pictures.decode import NotAPictureError, Picture, PictureLimits, decode_picture

from car_client.errors import ServerUnreachableError
from car_client.models.follower import ModelFollower, ServerView
from car_client.models.served_model import ServedModel
from car_client.output.documents import log_inference
from car_client.output.source_record import SourceRecord
from car_client.pipeline.classifier import Classification
from car_client.pipeline.jobs import Job, Pipeline, Reply
from car_client.sources.source import Frame, Source, SourceLostError, Supply
from car_client.watching.progress import Progress
from car_client.watching.rejections import Rejections

_log = get_logger()
_MOST_IN_HAND = 8
"""Bounds the memory: a decoded photo of 12 megapixels takes 36 MB."""
_MOST_TOGETHER = 4
"""Frames in one job, so that one job is decoded while another is asked about."""


@dataclass(frozen=True, slots=True)
class _Begun:
    frames: Sequence[Frame]
    models: Sequence[str]
    job: Job


class Watch:
    """Take what arrived, have several pictures on their way at once, tell results in the order of arrival.

    A picture goes back to its source while the server cannot be reached, so an outage loses none. A picture
    that is damaged, or that a model refuses, is not tried again until it changes.
    """

    def __init__(
        self,
        source: Source,
        follower: ModelFollower,
        pipeline: Pipeline,
        *,
        limits: PictureLimits,
        interval: float,
        show: Callable[[Picture, Classification], None],
        record: SourceRecord | None = None,
    ) -> None:
        """Look at the models every `interval` seconds; hand each result to `show` besides the log.

        `record` keeps what is told of the source, and names the only models to ask; without one: all.
        `pipeline` is this watch's own, and is closed at its end.
        """
        self._source = source
        self._follower = follower
        self._pipeline = pipeline
        self._limits = limits
        self._interval = interval
        self._show = show
        self._record = record or SourceRecord(0, str(source))
        self._begun: deque[_Begun] = deque()
        self._alone: deque[Frame] = deque()
        """Frames that lack answers since an outage; each is sent alone: it may have ended the server."""
        self._progress, self._rejections = Progress(), Rejections()
        self._poll_at = float("-inf")
        self._source_error: str | None = None
        self._taken = 0
        self.rejected = 0
        """Pictures that could not be classified, with some model or at all."""

    def run(self, stop: threading.Event) -> None:
        """Watch until `stop` is set or the source ended; a server or source that is away is waited for."""
        _log.info("watch_started", source=str(self._source), interval=self._interval)
        while not stop.is_set():
            if self._has_ended():
                _log.info("source_ended", source=str(self._source))
                self._record.ended()
                break
            view = self._follower.refresh(max_age=self._interval / 2)
            pause = self._interval
            if view.error is not None or not self._models(view):
                self._record.waits(view.error or "no model that it is to ask is served")
            else:
                self._begin_more(view)
                pause = self._until_next_poll()
            if self._begun:
                lost = self._finish_what_is_done(pause)
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
        if view.error is not None or not self._models(view):
            reasons = view.error or view.table.why_unusable or "none is available"
            raise RetryableError(f"no model can be used: {reasons}")
        try:
            while not stop.is_set() and (
                self._begin_more(view) or self._begun or self._source.supply is Supply.UNDER_WAY
            ):
                if not self._begun:
                    stop.wait(self._until_next_poll())
                lost = self._finish_what_is_done(self._until_next_poll())
                if lost is not None:
                    raise lost
        finally:
            self._end()
        if self._source_error is not None:
            raise RetryableError(self._source_error)
        source, taken = str(self._source), self._taken
        if taken:
            _log.info("nothing_left", source=source, pictures=taken, rejected=self.rejected)
        else:
            _log.warning("no_picture_found", source=source)

    def _until_next_poll(self) -> float:
        """Seconds to wait for whatever comes first: a look at the models or, if there is room, a poll."""
        if not self._has_room():
            return self._interval
        return min(max(self._poll_at - time.monotonic(), 0.0), self._interval)

    def _models(self, view: ServerView) -> Mapping[str, ServedModel]:
        """Those of the server's models that this source's pictures go to."""
        usable, only = view.table.usable, self._record.models
        return {name: model for name, model in usable.items() if not only or name in only}

    def _has_ended(self) -> bool:
        return not self._begun and not self._alone and self._source.supply is Supply.ENDED

    def _in_hand(self) -> int:
        return sum(len(begun.frames) for begun in self._begun)

    def _has_room(self) -> bool:
        """Whether half of what may be in hand is free; polling for less would cost more than it brings."""
        return not self._alone and self._in_hand() <= _MOST_IN_HAND // 2

    def _begin_more(self, view: ServerView) -> bool:
        """Send on their way what the source has and there is room for; whether there was anything."""
        if self._alone and not self._begun:
            self._begin([self._alone.popleft()], view, alone=True)
            return True
        if not self._has_room() or time.monotonic() < self._poll_at:
            return False
        frames = self._poll(_MOST_IN_HAND - self._in_hand())
        if not frames:
            self._poll_at = time.monotonic() + self._source.pause
            return False
        self._alone += [frame for frame in frames if frame in self._progress]
        fresh = [frame for frame in frames if frame not in self._progress]
        together = min(
            _MOST_TOGETHER, max(map(self._pipeline.classifier.batches.of, self._models(view).values()))
        )
        for start in range(0, len(fresh), together):
            self._begin(fresh[start : start + together], view)
        return True

    def _poll(self, at_most: int) -> Sequence[Frame]:
        """What the source has; that it is away is logged when the reason changes."""
        try:
            frames = self._source.poll(at_most)
        except RetryableError as error:
            if self._source_error != str(error):
                _log.warning("source_lost", error=str(error))
            self._source_error = str(error)
            again_in = error.again_in if isinstance(error, SourceLostError) else self._source.pause
            self._record.lost(str(error), again_in)
            return []
        if self._source_error is not None:
            _log.info("source_returned")
            self._source_error = None
        if self._source.supply is not Supply.UNDER_WAY or frames:
            self._record.works(len(frames))
        return frames

    def _begin(self, frames: Sequence[Frame], view: ServerView, *, alone: bool = False) -> None:
        models = self._progress.missing(frames[0], self._models(view))  # fresh frames miss them all
        job = self._pipeline.begin(
            [partial(decode_picture, frame.name, frame.content, self._limits) for frame in frames]
        )
        job.ask([view.table.usable[name] for name in models], in_turn=alone)
        self._begun.append(_Begun(frames, models, job))
        self._taken += len(frames)

    def _finish_what_is_done(self, within: float) -> ServerUnreachableError | None:
        """Finish jobs from the oldest on, waiting `within` seconds for it; the error of a lost server."""
        lost: ServerUnreachableError | None = None
        while self._begun and self._begun[0].job.is_done(within=within):
            lost = self._finish(self._begun.popleft()) or lost
            within = 0.0
        return lost

    def _end(self) -> None:
        """Report what was begun; what waits goes back to the source."""
        self._pipeline.close()
        while self._begun:
            self._finish(self._begun.popleft())

    def _finish(self, begun: _Begun) -> ServerUnreachableError | None:
        """Acknowledge frames that have all their answers, give others back; the error of a lost server."""
        pictures = begun.job.pictures()
        damaged: set[Frame] = set()
        for frame, picture in zip(begun.frames, pictures, strict=False):
            if isinstance(picture, NotAPictureError):
                self._rejections.tell(frame.name, picture)
                self.rejected += 1
                damaged.add(frame)
            else:
                self._rejections.is_good(frame.name)
        lost = [
            self._take(reply, begun.frames[reply.place], pictures[reply.place])
            for reply in begun.job.replies()
        ]
        for frame in begun.frames:
            if frame in damaged or not self._progress.missing(frame, begun.models):
                self._progress.forget(frame)
                self._source.acknowledge(frame)
            else:
                self._source.give_back(frame)
        return next((error for error in lost if error is not None), None)

    def _take(
        self, reply: Reply, frame: Frame, picture: Picture | NotAPictureError
    ) -> ServerUnreachableError | None:
        result = reply.result
        if isinstance(result, ServerUnreachableError) and self._progress.note_interruption(
            frame, reply.model
        ):
            return result
        self._progress.note_answer(frame, reply.model)
        if isinstance(result, EdgeError):
            _log.warning("inference_failed", model=reply.model, image=frame.name, error=str(result))
            self.rejected += 1
        elif isinstance(picture, Picture):
            log_inference(result)
            self._record.answered(picture, result)
            self._show(picture, result)
        return None
