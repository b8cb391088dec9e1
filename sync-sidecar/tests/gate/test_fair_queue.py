import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from hand_executors import WhenTold
from model_sync.gate.fair_queue import FairQueue


def _order(queue: FairQueue, executor: WhenTold, *models: str) -> list[str]:
    done: list[str] = []

    def piece(model: str) -> Callable[[], None]:
        return lambda: done.append(model)

    for model in models:
        queue.submit(model, piece(model))
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
        queue.submit("a", lambda: None)
    assert len(executor.waiting) == 1
    assert not queue.others_wait("a")
    queue.submit("b", lambda: None)
    assert len(executor.waiting) == 2
    queue.submit("c", lambda: None)
    assert len(executor.waiting) == 2
    assert queue.others_wait("a")
    while executor.run_next():
        pass
    assert not queue.others_wait("x")


def test_what_fails_frees_its_place_and_tells() -> None:
    executor = WhenTold()
    queue = FairQueue(executor, 1, 1)
    failed = queue.submit("a", lambda: 1 // 0)
    good = queue.submit("b", lambda: 7)
    while executor.run_next():
        pass
    assert isinstance(failed.exception(), ZeroDivisionError)
    assert good.result() == 7


def test_closing_waits_for_what_runs_and_begins_nothing_more() -> None:
    go_on, begun = threading.Event(), threading.Event()
    queue = FairQueue(ThreadPoolExecutor(1), 1, 1)

    def work() -> bool:
        begun.set()
        return go_on.wait(10)

    running, waiting = queue.submit("a", work), queue.submit("b", lambda: None)
    assert begun.wait(10)
    closing = threading.Thread(target=queue.close)
    closing.start()
    go_on.set()
    closing.join(10)
    assert running.result(0)
    assert not waiting.done()
