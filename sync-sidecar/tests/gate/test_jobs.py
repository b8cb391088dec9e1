import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from hand_executors import AtOnce, WhenTold
from memory_store import MemoryStore
from model_sync.bucket.catalog import ListedModel, ListedObject, build_catalog
from model_sync.bucket.evidence_files import Provenance, format_provenance
from model_sync.download.staging import Staging
from model_sync.gate.gate import Gate, Incoming, StagedVersion
from model_sync.gate.jobs import FairQueue, FetchJobs
from model_sync.planning.snapshot import FetchError


def _order(queue: FairQueue, executor: WhenTold, *models: str) -> list[str]:
    done: list[str] = []

    def piece(model: str) -> Callable[[], None]:
        return lambda: done.append(model)

    for model in models:
        queue.submit(model, piece(model), Future())
    while executor.run_next():
        pass
    return done


def test_models_take_turns_however_many_uploads_one_of_them_has() -> None:
    executor = WhenTold()
    assert _order(FairQueue(executor, 1, 1), executor, *"aaab", "b", "c") == ["a", "a", "b", "c", "a", "b"]


def test_preferred_models_come_first() -> None:
    executor = WhenTold()
    queue = FairQueue(executor, 1, 1, preferred={"good"})
    assert _order(queue, executor, "first", "a", "b", "good") == ["first", "good", "a", "b"]


def test_one_model_takes_only_its_share_and_others_are_known_to_wait() -> None:
    executor = WhenTold()
    queue = FairQueue(executor, 2, 1)
    for _ in range(3):
        queue.submit("a", lambda: None, Future())
    assert len(executor.waiting) == 1
    assert not queue.others_wait("a")
    queue.submit("b", lambda: None, Future())
    assert len(executor.waiting) == 2
    queue.submit("c", lambda: None, Future())
    assert len(executor.waiting) == 2
    assert queue.others_wait("a")
    while executor.run_next():
        pass
    assert not queue.others_wait("x")


def test_what_fails_frees_its_place_and_tells() -> None:
    executor = WhenTold()
    queue = FairQueue(executor, 1, 1)
    failed: Future[None] = Future()
    good: Future[int] = Future()

    def fail() -> None:
        raise ValueError

    queue.submit("a", fail, failed)
    queue.submit("b", lambda: good.set_result(7), good)
    while executor.run_next():
        pass
    assert isinstance(failed.exception(0), ValueError)
    assert good.result(0) == 7


def test_closing_waits_for_what_runs_and_begins_nothing_more() -> None:
    go_on, begun = threading.Event(), threading.Event()
    queue = FairQueue(ThreadPoolExecutor(1), 1, 1)

    done: list[str] = []

    def work() -> None:
        begun.set()
        if go_on.wait(10):
            done.append("a")

    queue.submit("a", work, Future())
    queue.submit("b", lambda: done.append("b"), Future())
    assert begun.wait(10)
    closing = threading.Thread(target=queue.close)
    closing.start()
    go_on.set()
    closing.join(10)
    assert done == ["a"]


def test_a_fetch_that_failed_for_days_is_still_tried_every_minute(tmp_path: Path) -> None:
    jobs = FetchJobs(Gate(MemoryStore(), AtOnce(), None), lambda: None, AtOnce())
    upload = build_catalog([ListedObject("cars/1/gone.onnx", 1, "e", 1.0)]).models["cars"].versions["1"]
    jobs.fetch_errors["cars", "1"] = FetchError("away", 5000, 0.0)
    jobs.start(Incoming(ListedModel("cars", {"1": upload}, {}), upload, Staging(tmp_path)))
    assert jobs.collect(100.0) == []
    assert 100.0 < jobs.fetch_errors["cars", "1"].retry_at <= 175.0


def test_where_a_version_comes_from_is_known_without_preflight(tmp_path: Path) -> None:
    said, store = Provenance("mlflow", "cars", "7"), MemoryStore()
    store.put("cars/1/model.onnx", b"x")
    store.put("cars/1/provenance.json", format_provenance(said))
    cars = build_catalog(store.list_objects()).models["cars"]
    jobs = FetchJobs(Gate(store, AtOnce(), None), lambda: None, AtOnce())
    jobs.start(Incoming(cars, cars.versions["1"], Staging(tmp_path)))
    [(_, outcome)] = jobs.collect(0.0)
    assert isinstance(outcome, StagedVersion)
    assert outcome.evidence.provenance == said
