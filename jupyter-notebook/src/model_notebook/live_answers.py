"""Asking the platform without a pause while its model is exchanged: which versions answered, what failed."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from car_client.pipeline.given import read_picture
from car_client.session import Session
from edge_common.errors import EdgeError, RetryableError

from model_notebook.platform import Platform

_PAUSE_SECONDS = 0.05
"""Leaves the machine to those who are watched."""


@dataclass(frozen=True)
class LiveAnswer:
    """One request and what came of it; `at` in seconds since the beginning."""

    at: float
    version: int | None
    label: str
    probability: float
    error: str = ""


class LiveAnswers:
    """Classifies one picture again and again from entering the context until leaving it."""

    def __init__(self, platform: Platform, model: str, picture: Path) -> None:
        """Open the picture and a session; raises RejectedError when it is no picture."""
        self._session = Session(platform.client)
        self._model = model
        self._picture = read_picture(picture, self._session.limits)
        self.answers: list[LiveAnswer] = []
        self.marks: list[tuple[float, str]] = []
        """What was done meanwhile, each with its seconds since the beginning."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._ask, name="live-answers")
        self._begin = time.perf_counter()

    def __enter__(self) -> Self:
        self._begin = time.perf_counter()
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopping.set()
        self._thread.join()

    @property
    def failed(self) -> Sequence[LiveAnswer]:
        """The requests without an answer."""
        return tuple(answer for answer in self.answers if answer.version is None)

    @property
    def versions(self) -> Sequence[int]:
        """Which versions answered, each once, in the order in which they first did."""
        return tuple(dict.fromkeys(answer.version for answer in self.answers if answer.version is not None))

    def wait_for(self, answers: int, *, within: float = 60.0) -> None:
        """Wait for so many further requests to end; raises RetryableError after `within` seconds."""
        goal, deadline = len(self.answers) + answers, time.monotonic() + within
        while len(self.answers) < goal:
            if time.monotonic() > deadline:
                raise RetryableError(f"{answers} requests took more than {within:.0f} s; is the server away?")
            self._stopping.wait(_PAUSE_SECONDS)

    def mark(self, what: str) -> None:
        """Remember that `what` happened now."""
        self.marks.append((self._now(), what))

    def _now(self) -> float:
        return time.perf_counter() - self._begin

    def _ask(self) -> None:
        while not self._stopping.is_set():
            self.answers.append(self._answer())
            self._stopping.wait(_PAUSE_SECONDS)

    def _answer(self) -> LiveAnswer:
        at = self._now()
        try:
            model = self._session.discovery.describe(self._model)
            [result] = self._session.classifier.classify(model, [self._picture])
        except EdgeError as error:
            return LiveAnswer(at, None, "", 0.0, str(error))
        best = result.verdict.predictions[0]
        return LiveAnswer(at, result.version, best.label, best.probability)
