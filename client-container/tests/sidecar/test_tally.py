import random

from car_client.sidecar.tally import Source, Tally, Totals


def _say(source: Source, labels: str, version: int = 1) -> None:
    """One answer for each letter; a dot is not sure."""
    for label in labels:
        source.answer("cars", version, "set", "" if label == "." else label)


def test_answers_are_counted_by_version_and_runs_of_equal_ones_are_known() -> None:
    tally = Tally()
    source = tally.source()
    _say(source, "aab..a")
    _say(source, "a", version=2)
    source.refuse("cars", 2)
    assert tally.totals("cars", 1) == Totals(6, 2, 0, 4 + 1 + 4 + 1, "set", {"a": 3, "b": 1})
    assert tally.totals("cars", 2) == Totals(1, 0, 1, 1, "set", {"a": 1})
    assert tally.totals("cars", 3) == Totals()


def test_runs_are_those_of_one_source() -> None:
    tally = Tally()
    one, other = tally.source(), tally.source()
    for _ in range(3):
        _say(one, "a")
        _say(other, "b")
    assert tally.totals("cars", 1).streaks == 9 + 9


def test_what_is_lately_are_some_hundred_answers() -> None:
    tally = Tally()
    source = tally.source()
    _say(source, "a" * 400)
    assert tally.lately("cars", 1).answered == 400
    for _ in range(30):
        _say(source, "b" * 100)
        assert tally.lately("cars", 1).answered <= 1000
    lately = tally.lately("cars", 1)
    assert lately.answered >= 500
    assert lately.labels == {"b": lately.answered}


def test_it_stays_bounded_whatever_is_counted_and_keeps_names_apart_alike_in_all_versions() -> None:
    dice, tally = random.Random(1), Tally()
    source = tally.source()
    for number in range(3000):
        source.answer("cars", number // 300, "set", f"label {dice.randrange(500)}" + "x" * 500)
    for number in range(1200):
        source.answer(f"model {number}", 1, "", "a")
    newest, before = tally.totals("cars", 9), tally.totals("cars", 8)
    assert tally.totals("cars", 1) == Totals()
    assert newest.answered == before.answered == 300
    assert len(newest.labels.keys() | before.labels.keys()) <= 61
    assert max(map(len, newest.labels)) <= 100
    assert sum(newest.labels.values()) == 300
    assert tally.totals("model 1199", 1) == Totals()
