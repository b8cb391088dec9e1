"""One request: prepare pictures for a model, ask the server, read its scores."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from edge_common.pictures.decode import Picture

from car_client.errors import (
    ModelChangingError,
    RequestRefusedError,
    ServerFailedError,
    ServerUnreachableError,
    UnreadableScoresError,
)
from car_client.kserve.inference import InferenceAnswer, InferenceServer
from car_client.metrics import ClientMetrics
from car_client.models.discovery import Discovery
from car_client.models.served_model import ServedModel
from car_client.pipeline.request import BatchSizes, as_jpeg, choose_transport, prepared_tensor
from car_client.pipeline.scores import AssumedActivations, Verdict, read_scores, rows_of
from car_client.settings import Transport

_NOT_FOUND = 404
_MOST_VERSIONS = 3
"""Versions a request is prepared for: the known one, its successor, and one that came meanwhile."""


@dataclass(frozen=True, slots=True)
class Classification:
    """What one model says of one picture.

    Durations are in seconds. `decode` is that of the file;
    `preprocess` and `request` are those of the whole batch the picture went in, since it waited for them.
    """

    picture: str
    model: str
    version: int
    verdict: Verdict
    transport: Transport
    decode_seconds: float
    preprocess_seconds: float
    request_seconds: float
    digest: str | None = None
    """Of the version's files; None: unknown."""

    @property
    def latency_seconds(self) -> float:
        """From the file's bytes to the verdict."""
        return self.decode_seconds + self.preprocess_seconds + self.request_seconds


class Classifier:
    """Classifies pictures over `server`; `discovery` tells what a model takes when its version changed.

    Safe to share between threads.
    """

    def __init__(
        self,
        server: InferenceServer,
        discovery: Discovery,
        *,
        transport: Transport,
        batch_size: int,
        metrics: ClientMetrics | None = None,
    ) -> None:
        """At most `batch_size` pictures go in one request, fewer where the model's batch is fixed."""
        self.server = server
        self._metrics = metrics or ClientMetrics()
        self._discovery = discovery
        self._transport = transport
        self.batches = BatchSizes(batch_size)
        self._assumed = AssumedActivations()
        self._refused_files: dict[str, int] = {}
        """Model -> the version for which the server refused a file."""

    def classify(
        self, model: ServedModel, pictures: Sequence[Picture], *, top_k: int | None = None
    ) -> list[Classification]:
        """One classification for each of at most `batch_size` pictures, in order, by one request.

        It names no version, so a new version answers as soon as it can; if that needs other tensors than
        `model` tells, the pictures are prepared and sent anew. Raises UnreadableScoresError for the first
        picture without a verdict, and what `classify_each` raises.
        """
        results: list[Classification] = []
        for result in self.classify_each(model, pictures, top_k=top_k):
            if isinstance(result, UnreadableScoresError):
                raise result
            results.append(result)
        return results

    def classify_each(
        self, model: ServedModel, pictures: Sequence[Picture], *, top_k: int | None = None
    ) -> list[Classification | UnreadableScoresError]:
        """As `classify`, with an error in the place of each picture for which the answer has no verdict.

        Raises RequestRefusedError, ServerUnreachableError, ServerFailedError, ModelChangingError,
        UnusableModelError, and UnknownModelError when the model is gone.
        """
        for _ in range(_MOST_VERSIONS):
            asked = self._ask_unless_changed(model, pictures)
            if asked is not None and asked.answers_for(model):
                return self._read(asked, model, pictures, top_k)
            described, model = model, self._discovery.describe(model.name)
            if asked is not None and asked.answers_for(model) and _same_request(described, model):
                return self._read(asked, model, pictures, top_k)
        raise ModelChangingError(
            f"model {model.name} changed its version {_MOST_VERSIONS} times during one request; try again"
        )

    def _ask_unless_changed(self, model: ServedModel, pictures: Sequence[Picture]) -> "_Asked | None":
        """None when the server refused the request, and serves another version than `model`."""
        refused = self._refused_files.get(model.name) == model.version
        transport = choose_transport(Transport.TENSOR if refused else self._transport, model, pictures)
        try:
            return self._ask(model, pictures, transport)
        except RequestRefusedError as error:
            may_be_the_file = transport is Transport.JPEG and self._transport is Transport.AUTO
            if may_be_the_file and error.status != _NOT_FOUND:
                # Whether a server decodes files for this model cannot be asked, only tried: once a version.
                self._refused_files[model.name] = model.version
                return self._ask_unless_changed(model, pictures)
            if self._discovery.describe(model.name).version == model.version:
                raise
            return None

    def _ask(self, model: ServedModel, pictures: Sequence[Picture], transport: Transport) -> "_Asked":
        start = time.perf_counter()
        as_files = transport is Transport.JPEG
        tensor = as_jpeg(model, pictures) if as_files else prepared_tensor(model, pictures)
        prepared = time.perf_counter()
        with self._counted(model.name):
            answer = self.server.infer(model.name, tensor, model.output.name)
        return _Asked(
            answer=answer,
            transport=transport,
            preprocess_seconds=prepared - start,
            request_seconds=time.perf_counter() - prepared,
        )

    def _read(
        self, asked: "_Asked", model: ServedModel, pictures: Sequence[Picture], top_k: int | None
    ) -> list[Classification | UnreadableScoresError]:
        if model.output.name not in asked.answer.outputs:
            raise ServerFailedError(f"the server's answer lacks output {model.output.name!r} of {model.name}")
        scores = asked.answer.outputs[model.output.name]
        activation = model.activation or self._assumed.of(model, rows_of(scores, model))
        verdicts = read_scores(scores, model, activation, pictures=len(pictures), top_k=top_k)
        return [
            Classification(
                picture=picture.name,
                model=model.name,
                version=model.version,
                verdict=verdict,
                transport=asked.transport,
                decode_seconds=picture.decode_seconds,
                preprocess_seconds=asked.preprocess_seconds,
                request_seconds=asked.request_seconds,
                digest=model.digest,
            )
            if isinstance(verdict, Verdict)
            else verdict
            for picture, verdict in zip(pictures, verdicts, strict=True)
        ]

    @contextmanager
    def _counted(self, model: str) -> Iterator[None]:
        """Count what is done inside as one request to `model`, by how it ends."""
        start, result = time.perf_counter(), "failed"
        self._metrics.in_flight.inc()
        try:
            yield
            result = "success"
        except RequestRefusedError:
            result = "refused"
            raise
        except ServerUnreachableError:
            result = "unreachable"
            raise
        finally:
            self._metrics.in_flight.dec()
            self._metrics.count_request(model, self.server.protocol, result, time.perf_counter() - start)


@dataclass(frozen=True, slots=True)
class _Asked:
    answer: InferenceAnswer
    transport: Transport
    preprocess_seconds: float
    request_seconds: float

    def answers_for(self, model: ServedModel) -> bool:
        return self.answer.model_version in {"", str(model.version)}


def _same_request(one: ServedModel, other: ServedModel) -> bool:
    return (one.input, one.output, one.preprocessing) == (other.input, other.output, other.preprocessing)
