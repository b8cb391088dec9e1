from itertools import count

import pytest
from edge_stack.demo.machine_speed import MOST, in_words, measured_slowness


@pytest.mark.parametrize(("took", "slowness"), [(0.1, 1.0), (0.3, 1.0), (0.9, 3.0), (60.0, MOST)])
def test_patience_grows_with_the_time_that_the_same_work_takes(took: float, slowness: float) -> None:
    moments = count(step=took)
    assert measured_slowness(lambda: float(next(moments)), rounds=1) == pytest.approx(slowness)


def test_it_is_said_where_it_is_used() -> None:
    assert in_words(1.0) == ""
    assert "3.0 times the time is allowed" in in_words(3.0)
