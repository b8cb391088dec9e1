import threading

import pytest
from car_client.inference.overlap import overlapped


def test_results_keep_the_order_of_the_items() -> None:
    first_may_end = threading.Event()

    def slow_first(item: int) -> int:
        if item == 0:
            assert first_may_end.wait(10)
        elif item == 1:
            first_may_end.set()
        return item * 10

    assert list(overlapped(slow_first, range(20), workers=3)) == [item * 10 for item in range(20)]


def test_no_more_is_begun_than_is_asked_for() -> None:
    begun: list[int] = []
    results = overlapped(begun.append, range(1000), workers=2)
    next(results)
    results.close()
    assert len(begun) <= 4


def test_the_first_error_ends_it() -> None:
    def fail(item: int) -> int:
        raise ValueError(str(item))

    with pytest.raises(ValueError, match="0"):
        list(overlapped(fail, range(100), workers=4))
