import math

import pytest
from edge_common.quantities import (
    Duration,
    Size,
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30),
        ("30s", 30),
        (" 5 m ", 300),
        ("1.5h", 5400),
        ("500ms", 0.5),
        ("1D", 86400),
        (7, 7),
        (0.5, 0.5),
    ],
)
def test_durations_are_read_as_people_write_them(text: str | float, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("1048576", 2**20),
        ("10GiB", 10 * 2**30),
        ("500MB", 500_000_000),
        ("1.5k", 1500),
        ("2Ki", 2048),
        (5, 5),
    ],
)
def test_sizes_are_read_as_people_write_them(text: str | float, count: int) -> None:
    assert parse_size(text) == count


@pytest.mark.parametrize(
    "bad", ["", "s", "-1", "1x", "1 2", "0x10", "nan", "inf", "9" * 400, True, -1, math.inf, math.nan, 1e300]
)
def test_anything_else_is_an_error_that_a_setting_can_report(bad: str | float) -> None:
    class Both(BaseModel):
        wait: Duration = 0.0
        room: Size = 0

    with pytest.raises(ValidationError):
        Both.model_validate({"wait": bad})
    with pytest.raises(ValidationError):
        Both.model_validate({"room": bad})


@given(st.text(max_size=40) | st.floats() | st.integers() | st.booleans())
def test_no_text_or_number_does_worse_than_a_value_error(value: str | float) -> None:
    for parse in (parse_duration, parse_size):
        try:
            assert 0 <= parse(value) < math.inf
        except ValueError:
            continue


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 B"), (1023, "1023 B"), (2**24, "16.0 MiB"), (2**40, "1.0 TiB"), (2**60, "1048576.0 TiB")],
)
def test_sizes_are_shown_in_the_unit_that_fits(count: int, shown: str) -> None:
    assert format_size(count) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.35, "350 ms"), (12, "12.0 s"), (119, "119.0 s"), (300, "5 min"), (7200, "2.0 h")],
)
def test_durations_are_shown_in_the_unit_that_fits(seconds: float, shown: str) -> None:
    assert format_duration(seconds) == shown
