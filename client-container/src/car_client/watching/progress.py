"""How far frames have come that did not find all their answers at once."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from car_client.sources.source import Frame

_MOST_FRAMES = 64
"""Kept at once; what never comes back from its source is forgotten, oldest first."""
_MOST_INTERRUPTIONS = 3
"""Requests without an answer, while the server lists its models, before a frame is given up for a model."""


@dataclass(slots=True)
class _Steps:
    answered: set[str] = field(default_factory=set)
    interruptions: Counter[str] = field(default_factory=Counter)


class Progress:
    """Which models have answered for a frame, and how often each did not."""

    def __init__(self) -> None:
        self._steps: dict[Frame, _Steps] = {}

    def __contains__(self, frame: Frame) -> bool:
        """Whether `frame` came back without all its answers."""
        return frame in self._steps

    def missing(self, frame: Frame, models: Iterable[str]) -> list[str]:
        """Those of `models` that have not answered for `frame`."""
        answered = self._steps[frame].answered if frame in self._steps else ()
        return [model for model in models if model not in answered]

    def note_answer(self, frame: Frame, model: str) -> None:
        """`model` answered for `frame`, or is not to be asked about it again."""
        self._of(frame).answered.add(model)

    def note_interruption(self, frame: Frame, model: str) -> bool:
        """The server was lost while `model` was asked about `frame`; returns whether to ask again."""
        interruptions = self._of(frame).interruptions
        interruptions[model] += 1
        return interruptions[model] < _MOST_INTERRUPTIONS

    def forget(self, frame: Frame) -> None:
        """`frame` is done."""
        self._steps.pop(frame, None)

    def _of(self, frame: Frame) -> _Steps:
        while len(self._steps) >= _MOST_FRAMES and frame not in self._steps:
            self._steps.pop(next(iter(self._steps)))
        return self._steps.setdefault(frame, _Steps())
