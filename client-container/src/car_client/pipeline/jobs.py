"""Pictures on their way: several decoded and asked about at once, each with its own result or error."""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, TypeVar

from edge_common.errors import EdgeError
from edge_common.pictures.decode import NotAPictureError, Picture

from car_client.errors import (
    MisshapenAnswerError,
    RequestRefusedError,
    ServerFailedError,
    ServerUnreachableError,
    UnreadableScoresError,
)
from car_client.models.served_model import ServedModel
from car_client.pipeline.classifier import Classification, Classifier
from car_client.sidecar.observations import Source

Result = TypeVar("Result")
Load = Callable[[], Picture]
"""Makes a picture; raises NotAPictureError."""

_DECODERS = 2
"""Bounds the memory: a decoded picture of 50 megapixels takes 150 MB."""
_REQUESTS = 4
"""More than the cores of a small machine, because requests mostly wait for the server."""

_BATCH_FAILED = (ServerFailedError, RequestRefusedError, MisshapenAnswerError)
"""Errors of a request that its pictures may not meet when each goes alone."""
_NO_USE = (*_BATCH_FAILED, UnreadableScoresError)
"""Errors that are the version's, not those of the way to it."""
_REPAIR_PAUSES = (0.25, 0.75, 2.0)


class Pipeline:
    """Decodes pictures and asks models about them. Whoever begins jobs bounds the memory by how many."""

    def __init__(
        self,
        classifier: Classifier,
        *,
        requests: int = _REQUESTS,
        wait: Callable[[float], object] = time.sleep,
        counted: Source | None = None,
    ) -> None:
        """Send at most so many `requests` at the same time; `wait` lets seconds pass.

        What becomes of the pictures is `counted`, as those of one source.
        """
        self.classifier = classifier
        self.counted = counted
        self.wait = wait
        self.decoders = ThreadPoolExecutor(_DECODERS, thread_name_prefix="decode")
        self.requests = ThreadPoolExecutor(requests, thread_name_prefix="ask")

    def begin(self, loads: Sequence[Load]) -> "Job":
        """A job with the pictures that `loads` make, which are decoded from now on."""
        return Job(self, loads)

    def close(self) -> None:
        """Begin nothing more of what was not begun; what runs goes on to its end."""
        self.decoders.shutdown(wait=False, cancel_futures=True)
        self.requests.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class Reply:
    """What one model makes of one picture; `place` is that of the picture in its job."""

    place: int
    model: str
    result: Classification | EdgeError


class Job:
    """Pictures that go together: decoded at once, asked about when `ask` says so."""

    def __init__(self, pipeline: Pipeline, loads: Sequence[Load]) -> None:
        self._pipeline = pipeline
        self._decoding = pipeline.decoders.submit(_decode, loads)
        self._asking: list[Future[list[Reply]]] = []

    def ask(self, models: Sequence[ServedModel], *, top_k: int | None = None, in_turn: bool = False) -> None:
        """Ask `models` about the pictures, at the same time, as soon as they are decoded.

        `in_turn`: one model after the other, and no further one when the server was away.
        """
        parts = [models] if in_turn else [[model] for model in models]
        self._asking += [self._pipeline.requests.submit(self._ask, part, top_k) for part in parts]

    def is_done(self, *, within: float) -> bool:
        """Whether nothing is left to do; waits `within` seconds at most."""
        futures: list[Future[Any]] = [self._decoding, *self._asking]
        return not wait(futures, timeout=within).not_done

    def pictures(self) -> Sequence[Picture | NotAPictureError]:
        """The pictures in order, each decoded or with its error; empty when the pipeline was closed first."""
        return _result_of(self._decoding, [])

    def replies(self) -> Sequence[Reply]:
        """By model, then by picture, once all have answered.

        Pictures lack a reply when the server was away for one before them, or the pipeline was closed.
        """
        return [reply for future in self._asking for reply in _result_of(future, [])]

    def _ask(self, models: Sequence[ServedModel], top_k: int | None) -> list[Reply]:
        decoded = enumerate(self.pictures())
        pictures = {place: picture for place, picture in decoded if isinstance(picture, Picture)}
        places = list(pictures)
        replies: list[Reply] = []
        for model in models:
            size = self._pipeline.classifier.batches.of(model)
            for start in range(0, len(places), size):
                batch = places[start : start + size]
                results = self._classify(model, [pictures[place] for place in batch], top_k)
                if self._pipeline.counted is not None:
                    _count(self._pipeline.counted, model, results)
                replies += [
                    Reply(place, model.name, result) for place, result in zip(batch, results, strict=True)
                ]
                if any(isinstance(result, ServerUnreachableError) for result in results):
                    return replies
        return replies

    def _classify(
        self, model: ServedModel, pictures: Sequence[Picture], top_k: int | None
    ) -> Sequence[Classification | EdgeError]:
        """What becomes of each of `pictures`, which go together; each goes alone when that fails."""
        classifier = self._pipeline.classifier
        results: Sequence[Classification | EdgeError]
        try:
            results = classifier.classify_each(model, pictures, top_k=top_k)
        except _BATCH_FAILED as error:
            if len(pictures) == 1:
                return [error]
            results = self._classify_alone(model, pictures, top_k)
            answered = sum(
                not isinstance(result, (*_BATCH_FAILED, ServerUnreachableError)) for result in results
            )
            classifier.batches.note_split(model, answered=answered, of=len(pictures))
        except EdgeError as error:
            return [error] * len(pictures)
        else:
            if len(pictures) > 1:
                classifier.batches.note_answered(model)
        return results

    def _classify_alone(
        self, model: ServedModel, pictures: Sequence[Picture], top_k: int | None
    ) -> Sequence[Classification | EdgeError]:
        """A request for each picture, until the server is away, which all the rest are told.

        The request that failed may have left the model unable to answer until the server has repaired it.
        """
        pauses = list(_REPAIR_PAUSES if self._pipeline.classifier.batches.is_worth_waiting(model) else ())
        results: list[Classification | EdgeError] = []
        for picture in pictures:
            [result] = self._classify(model, [picture], top_k)
            while isinstance(result, ServerFailedError) and pauses and not results:
                self._pipeline.wait(pauses.pop(0))
                [result] = self._classify(model, [picture], top_k)
            results.append(result)
            if isinstance(result, ServerUnreachableError):
                return results + [result] * (len(pictures) - len(results))
        return results


def _decode(loads: Sequence[Load]) -> list[Picture | NotAPictureError]:
    decoded: list[Picture | NotAPictureError] = []
    for load in loads:
        try:
            decoded.append(load())
        except NotAPictureError as error:
            decoded.append(error)
    return decoded


def _count(source: Source, model: ServedModel, results: Iterable[Classification | EdgeError]) -> None:
    """Count what the version did that `model` describes; another's answers are left out."""
    for result in results:
        if isinstance(result, _NO_USE):
            source.refuse(model.name, model.version)
        elif isinstance(result, Classification) and result.version == model.version:
            label = result.verdict.top1 if result.verdict.sure else ""
            source.answer(model.name, model.version, model.label_set or "", label)


def _result_of(future: Future[Result], otherwise: Result) -> Result:
    """The result, or `otherwise` when it was never begun."""
    try:
        return future.result()
    except CancelledError:
        return otherwise
