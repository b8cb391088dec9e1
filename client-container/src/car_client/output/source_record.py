"""What is told of one source of pictures: how it is, its last picture with the answers, its rate."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal

from edge_common.pictures.decode import Picture
from edge_common.printable import printable
from pydantic import Field
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from car_client.output.documents import classification_document
from car_client.output.recent import thumbnail_of
from car_client.pipeline.classifier import Classification

State = Literal["starting", "watching", "waiting", "lost", "ended"]
_RATE_SECONDS = 30.0
_MOST_LATENCIES = 60
_MOST_MODELS = 20
_TILE_PIXELS = 480


class SourceAnswerDocument(TypedDict):
    """What one model says of the last picture."""

    model: str
    version: int
    top1: str
    label: Annotated[str, Field(description="The likeliest, also where the model was not sure.")]
    sure: bool
    probability: float
    latency_ms: float


class SourceDocument(TypedDict):
    """One source."""

    number: Annotated[int, Field(description="Its place among the sources, from 0 on.")]
    name: str
    state: State
    since: Annotated[str, Field(description="UTC, ISO 8601.")]
    sentence: str
    again_in: Annotated[float | None, Field(description="Seconds until a lost one is tried again.")]
    models: Annotated[list[str], Field(description="The only ones that are asked; none: all.")]
    rate: Annotated[float, Field(description="Pictures a second, over the last half minute.")]
    pictures: int
    image: str
    time: str | None
    picture: Annotated[str | None, Field(description="Path of a JPEG file with the last picture.")]
    answers: list[SourceAnswerDocument]
    latencies_ms: Annotated[list[float], Field(description="Of the latest answers, oldest first.")]


class SourceRecord:
    """Written by the watch of one source and read by the page's threads; bounded whatever arrives."""

    def __init__(
        self,
        number: int,
        name: str,
        models: Sequence[str] = (),
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`name` is for people, without credentials; `number`: its place among the sources."""
        self.number = number
        self.models = tuple(models)
        self.name = printable(name)
        self._now, self._monotonic = now, monotonic
        self._lock = threading.Lock()
        self._state: State = "starting"
        self._sentence = ""
        self._since = now()
        self._again_at: float | None = None
        self._arrivals: deque[float] = deque(maxlen=4096)
        self._latencies: deque[float] = deque(maxlen=_MOST_LATENCIES)
        self._pictures = 0
        self._last: Picture | None = None
        self._last_time: datetime | None = None
        self._jpeg: bytes | None = None
        self._answers: dict[str, SourceAnswerDocument] = {}
        self.changes = 0
        """Grows with everything that a page would show."""

    def works(self, arrived: int) -> None:
        """The source answered, with so many new pictures."""
        with self._lock:
            self._arrivals.extend([self._monotonic()] * arrived)
            self._enter("watching", "")

    def lost(self, reason: str, again_in: float) -> None:
        """It cannot be asked, as `reason` says; it is asked again in so many seconds."""
        with self._lock:
            self._again_at = self._monotonic() + again_in
            self._enter("lost", reason)

    def waits(self, reason: str) -> None:
        """It is not asked, because its pictures could not be classified."""
        with self._lock:
            self._enter("waiting", reason)

    def ended(self) -> None:
        """Nothing will ever come of it again."""
        with self._lock:
            self._enter("ended", "")

    def answered(self, picture: Picture, result: Classification) -> None:
        """A model says something of a picture; the answers to the one before are forgotten."""
        said = classification_document(result)
        answer: SourceAnswerDocument = {
            "model": said["model"],
            "version": said["version"],
            "top1": said["top1"],
            "label": said["predictions"][0]["label"],
            "sure": said["sure"],
            "probability": said["predictions"][0]["probability"],
            "latency_ms": said["latency_ms"],
        }
        is_new = picture is not self._last
        jpeg = thumbnail_of(picture.pixels, longer_side=_TILE_PIXELS) if is_new else None
        with self._lock:
            if jpeg is not None:
                self._last, self._jpeg, self._last_time = picture, jpeg, self._now()
                self._pictures += 1
                self._answers = {}
            if len(self._answers) < _MOST_MODELS:
                self._answers[answer["model"]] = answer
            self._latencies.append(answer["latency_ms"])
            self.changes += 1

    def picture(self) -> bytes | None:
        """The JPEG file of the last picture that was classified."""
        return self._jpeg

    def document(self) -> SourceDocument:
        """All of it now."""
        with self._lock:
            return self._document()

    def last(self) -> tuple[Picture, SourceDocument] | None:
        """The last picture as it came, with what is told of it; None before the first."""
        with self._lock:
            return (self._last, self._document()) if self._last is not None else None

    def _document(self) -> SourceDocument:
        now = self._monotonic()
        while self._arrivals and self._arrivals[0] < now - _RATE_SECONDS:
            self._arrivals.popleft()
        again = max(self._again_at - now, 0.0) if self._again_at is not None else None
        last = self._last
        return {
            "number": self.number,
            "name": self.name,
            "state": self._state,
            "since": self._since.isoformat(),
            "sentence": self._sentence,
            "again_in": again if self._state == "lost" else None,
            "models": list(self.models),
            "rate": round(len(self._arrivals) / _RATE_SECONDS, 2),
            "pictures": self._pictures,
            "image": printable(last.name) if last is not None else "",
            "time": self._last_time.isoformat() if self._last_time is not None else None,
            "picture": f"/api/cameras/{self.number}.jpg?{self._pictures}" if last is not None else None,
            "answers": sorted(self._answers.values(), key=lambda answer: answer["model"]),
            "latencies_ms": list(self._latencies),
        }

    def _enter(self, state: State, sentence: str) -> None:
        if (state, sentence) == (self._state, self._sentence):
            return
        if state != self._state:
            self._since = self._now()
        self._state, self._sentence = state, sentence
        self.changes += 1
