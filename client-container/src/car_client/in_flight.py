"""Pictures on their way: decoded and asked about several at once, and settled in the order they came."""

from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, TypeVar

from edge_common.errors import RejectedError, RetryableError
from edge_common.pictures.decode import NotAPictureError, Picture, PictureLimits, decode_picture

from car_client.errors import ServerUnreachableError
from car_client.inference.classifier import Classification, Classifier
from car_client.models.served_model import ServedModel
from car_client.sources.source import Frame

Result = TypeVar("Result")

_DECODERS = 2
_ASKERS = 4
"""More than the cores of a small machine, because requests mostly wait for the server."""


@dataclass(frozen=True, slots=True)
class Question:
    """One model is to classify these frames."""

    model: ServedModel
    frames: Sequence[Frame]


@dataclass(frozen=True, slots=True)
class Reply:
    """What one request to a model came to: a result for each of the frames, or one error for all of them."""

    model: str
    frames: Sequence[Frame]
    pictures: Sequence[Picture]
    results: Sequence[Classification]
    error: RejectedError | RetryableError | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of frames that were sent on their way together.

    A question that was cut short, because the server was away or the end had come, lacks replies.
    """

    frames: Sequence[Frame]
    questions: Sequence[Question]
    rejected: Mapping[Frame, NotAPictureError]
    replies: Sequence[Reply]


_Decoded = Mapping[Frame, Picture | NotAPictureError]


@dataclass(frozen=True, slots=True)
class _Group:
    frames: Sequence[Frame]
    questions: Sequence[Question]
    decoding: "Future[_Decoded]"
    asking: Sequence["Future[list[Reply]]"]


class InFlight:
    """Groups of frames on their way. Whoever begins them bounds the memory by how many are begun."""

    def __init__(self, classifier: Classifier, limits: PictureLimits) -> None:
        """Start no thread before the first frame."""
        self._classifier = classifier
        self._limits = limits
        self._decoders = ThreadPoolExecutor(_DECODERS, thread_name_prefix="decode")
        self._askers = ThreadPoolExecutor(_ASKERS, thread_name_prefix="ask")
        self._groups: deque[_Group] = deque()

    def __len__(self) -> int:
        """The number of frames on their way."""
        return sum(len(group.frames) for group in self._groups)

    def begin(self, frames: Sequence[Frame], questions: Sequence[Question], *, in_turn: bool = False) -> None:
        """Decode `frames`, and ask every question as soon as they are.

        `in_turn`: one question after the other, and no further one when the server was away.
        """
        decoding = self._decoders.submit(self._decode, frames)
        parts = [questions] if in_turn else [[question] for question in questions]
        asking = [self._askers.submit(self._ask, part, decoding) for part in parts]
        self._groups.append(_Group(frames, questions, decoding, asking))

    def is_oldest_settled(self, *, within: float) -> bool:
        """Whether the first group needs no more waiting; waits `within` seconds at most."""
        group = self._groups[0]
        futures: list[Future[Any]] = [group.decoding, *group.asking]
        return not wait(futures, timeout=within).not_done

    def settle_oldest(self) -> Settled:
        """What became of the first group, waiting for it if need be."""
        group = self._groups.popleft()
        decoded = _result_of(group.decoding, {})
        return Settled(
            frames=group.frames,
            questions=group.questions,
            rejected={
                frame: error for frame, error in decoded.items() if isinstance(error, NotAPictureError)
            },
            replies=[reply for future in group.asking for reply in _result_of(future, [])],
        )

    def cut_short(self) -> None:
        """Begin nothing more of what was not begun; what runs goes on, and can be settled."""
        self._decoders.shutdown(wait=False, cancel_futures=True)
        self._askers.shutdown(wait=False, cancel_futures=True)

    def _decode(self, frames: Sequence[Frame]) -> _Decoded:
        decoded: dict[Frame, Picture | NotAPictureError] = {}
        for frame in frames:
            try:
                decoded[frame] = decode_picture(frame.name, frame.content, self._limits)
            except NotAPictureError as error:
                decoded[frame] = error
        return decoded

    def _ask(self, questions: Sequence[Question], decoding: "Future[_Decoded]") -> list[Reply]:
        decoded = _result_of(decoding, {})
        pictures = {frame: picture for frame, picture in decoded.items() if isinstance(picture, Picture)}
        replies: list[Reply] = []
        for question in questions:
            frames = [frame for frame in question.frames if frame in pictures]
            size = self._classifier.batch_size(question.model)
            for start in range(0, len(frames), size):
                batch = frames[start : start + size]
                reply = self._ask_once(question.model, batch, [pictures[frame] for frame in batch])
                replies.append(reply)
                if isinstance(reply.error, ServerUnreachableError):
                    return replies
        return replies

    def _ask_once(self, model: ServedModel, frames: Sequence[Frame], pictures: Sequence[Picture]) -> Reply:
        try:
            results = list(self._classifier.classify(model, pictures))
        except (RejectedError, RetryableError) as error:
            return Reply(model.name, frames, pictures, (), error)
        return Reply(model.name, frames, pictures, results)


def _result_of(future: "Future[Result]", otherwise: Result) -> Result:
    """The result, or `otherwise` when it was never begun."""
    try:
        return future.result()
    except CancelledError:
        return otherwise
