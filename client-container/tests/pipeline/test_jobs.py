import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from car_client.errors import ServerUnreachableError
from car_client.models.served_model import ServedModel
from car_client.pipeline.classifier import Classification
from car_client.pipeline.jobs import Load, Pipeline
from car_client.session import Session
from car_client.settings import load_settings
from edge_common.errors import EdgeError
from edge_common.pictures.decode import NotAPictureError, Picture, PictureLimits, decode_picture
from fake_kserve import FakeKServe, FakeModel
from made_pictures import jpeg
from numpy.typing import NDArray

LIMITS = PictureLimits(100_000, 100_000)
Begun = tuple[Pipeline, Sequence[ServedModel]]
Begin = Callable[[], Begun]


@pytest.fixture
def waited() -> list[float]:
    """Seconds that the pipeline let pass."""
    return []


@pytest.fixture
def begin(server: FakeKServe, waited: list[float]) -> Iterator[Begin]:
    """A pipeline to the server, and the models it has then."""
    pipelines: list[Pipeline] = []

    def make() -> Begun:
        session = Session(load_settings(server_url=server.url, sidecar_url=server.url, batch_size="3"))
        pipelines.append(Pipeline(session.classifier, wait=waited.append))
        return pipelines[0], list(session.discovery.refresh().usable.values())

    yield make
    for pipeline in pipelines:
        pipeline.close()


def load(name: str, content: bytes | None = None) -> Load:
    return lambda: decode_picture(name, jpeg("red") if content is None else content, LIMITS)


def told(result: Classification | EdgeError) -> str:
    return str(result) if isinstance(result, EdgeError) else result.picture


def test_replies_keep_the_order_of_models_and_pictures(server: FakeKServe, begin: Begin) -> None:
    server.models = {"a": FakeModel(), "b": FakeModel(shape=(-1, 8, 8, 3))}
    pipeline, models = begin()
    first_may_end = threading.Event()

    def slow_first() -> Picture:
        assert first_may_end.wait(10)
        return load("0")()

    first = pipeline.begin([slow_first])
    second = pipeline.begin([load("1"), load("2"), load("3")])
    first.ask(models)
    second.ask(models)
    assert second.is_done(within=10)
    assert not first.is_done(within=0)
    first_may_end.set()
    replies = [(reply.model, told(reply.result)) for job in (first, second) for reply in job.replies()]
    assert replies == [
        ("a", "0"),
        ("b", "0"),
        *(("a", name) for name in "123"),
        *(("b", name) for name in "123"),
    ]


@pytest.mark.parametrize(("batch", "sizes"), [(-1, [3, 2]), (4, [4, 4]), (1, [1] * 5)])
def test_pictures_share_requests_as_far_as_the_batch_goes(
    server: FakeKServe, begin: Begin, batch: int, sizes: list[int]
) -> None:
    server.models["m"] = FakeModel(shape=(batch, 8, 8, 3), model_info={"labels": "blue green red"})
    pipeline, models = begin()
    colours = ["red", "green", "blue", "green", "red"]
    job = pipeline.begin([load(colour, jpeg(colour)) for colour in colours])
    job.ask(models)
    results = [reply.result for reply in job.replies() if isinstance(reply.result, Classification)]
    assert [(result.picture, result.verdict.top1) for result in results] == list(
        zip(colours, colours, strict=True)
    )
    assert [request.document["inputs"][0]["shape"][0] for request in server.sent("/infer")] == sizes


def test_what_is_no_picture_harms_no_other_and_is_not_asked_about(server: FakeKServe, begin: Begin) -> None:
    server.models["m"] = FakeModel()
    pipeline, models = begin()
    job = pipeline.begin([load("a"), load("b", b"x"), load("c")])
    job.ask(models)
    assert [isinstance(picture, NotAPictureError) for picture in job.pictures()] == [False, True, False]
    assert [(reply.place, told(reply.result)) for reply in job.replies()] == [(0, "a"), (2, "c")]


def test_a_refusal_concerns_the_pictures_of_its_request_and_its_model_only(
    server: FakeKServe, begin: Begin
) -> None:
    server.models = {"a": FakeModel(), "b": FakeModel()}
    server.faults_of["a"] = deque([(400, "Invalid input shape")])
    pipeline, models = begin()
    job = pipeline.begin([load("0"), load("1")])
    job.ask(models)
    failed = [(reply.model, reply.place) for reply in job.replies() if isinstance(reply.result, EdgeError)]
    assert failed == [("a", 0)]


def test_a_picture_that_makes_a_request_fail_takes_no_other_along(server: FakeKServe, begin: Begin) -> None:
    server.models["m"] = FakeModel(shape=(-1, 8, 8, 3))
    server.fails_if = lambda batch: bool((batch[..., 0] > 200).any())  # blue, in BGR
    server.cards["m"] = {"schema": 1, "input": {"color": "BGR"}}
    pipeline, models = begin()
    job = pipeline.begin([load(colour, jpeg(colour)) for colour in ("red", "blue", "green")])
    job.ask(models)
    told_of = [(reply.place, isinstance(reply.result, Classification)) for reply in job.replies()]
    assert told_of == [(0, True), (1, False), (2, True)]


class OneRowModel(FakeModel):
    """Answers one row of scores, whatever the number of pictures."""

    def infer(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        return super().infer(batch)[:1]


@pytest.mark.parametrize("fails", [True, False])
def test_a_model_that_takes_one_picture_although_it_says_any_number_is_learnt(
    server: FakeKServe, begin: Begin, *, fails: bool
) -> None:
    server.models["m"] = FakeModel(shape=(-1, 8, 8, 3)) if fails else OneRowModel(shape=(-1, 8, 8, 3))
    server.fails_if = lambda batch: fails and len(batch) > 1
    pipeline, models = begin()
    for _ in range(3):
        job = pipeline.begin([load("a"), load("b")])
        job.ask(models)
        assert [told(reply.result) for reply in job.replies()] == ["a", "b"]
    sizes = [request.document["inputs"][0]["shape"][0] for request in server.sent("/infer")]
    assert sizes == [2, 1, 1, 2, 1, 1, 1, 1]


def test_a_model_that_a_batch_broke_is_waited_for_and_one_that_stays_broken_only_once(
    server: FakeKServe, begin: Begin, waited: list[float]
) -> None:
    server.models["m"] = FakeModel(shape=(-1, 8, 8, 3))
    server.faults.extend([(500, "Internal inference error")] * 3)
    pipeline, models = begin()

    def answered(*names: str) -> list[bool]:
        job = pipeline.begin([load(name) for name in names])
        job.ask(models)
        return [isinstance(reply.result, Classification) for reply in job.replies()]

    assert answered("a", "b") == [True, True]
    assert len(waited) == 2
    server.faults.extend([(500, "Internal inference error")] * 9)
    assert answered("c", "d") == [False, False]
    assert len(waited) == 5, "three pauses for one picture, none for the next"
    assert answered("e", "f") == [False, False]
    assert len(waited) == 5


def test_a_server_that_is_lost_is_asked_nothing_more(server: FakeKServe, begin: Begin) -> None:
    server.models = {"a": FakeModel(), "b": FakeModel()}
    pipeline, models = begin()
    server.faults.extend(["cut", "cut"])
    job = pipeline.begin([load("0"), load("1")])
    job.ask(models, in_turn=True)
    [reply] = job.replies()
    assert (reply.model, reply.place) == ("a", 0)
    assert isinstance(reply.result, ServerUnreachableError)
    assert len(server.sent("b/infer")) == 0


def test_a_closed_pipeline_begins_nothing_more(server: FakeKServe, begin: Begin) -> None:
    server.models["m"] = FakeModel()
    pipeline, models = begin()
    may_end = threading.Event()

    def slow() -> Picture:
        assert may_end.wait(10)
        return load("x")()

    jobs = [pipeline.begin([slow]) for _ in range(3)]
    for job in jobs:
        job.ask(models)
    pipeline.close()
    may_end.set()
    assert [len(job.pictures()) for job in jobs] == [1, 1, 0], "two are decoded at once"
    assert jobs[2].replies() == []
