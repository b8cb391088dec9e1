from typing import Any

import pytest
from edge_common.errors import RejectedError
from model_sync.upload.pins import version_before

_Row = tuple[str, str, int | None]


def _status(serving: list[int], *rows: _Row) -> dict[str, Any]:
    versions = [{"source": a, "state": b, "local_version": c} for a, b, c in rows]
    return {"models": {"m": {"serving": serving, "versions": versions}}}


@pytest.mark.parametrize(
    ("rows", "serving", "before"),
    [
        ([("1", "previous", 1), ("2", "serving", 2)], [2], "1"),
        ([("1", "previous", 1), ("2", "previous", None), ("3", "serving", 3)], [3], "1"),
        ([("1", "previous", None), ("2", "previous", None), ("3", "serving", 3)], [3], "2"),
        ([("1", "previous", 1), ("2", "rejected", None), ("3", "serving", 3)], [3], "1"),
        ([("1", "serving", 1), ("2", "serving", 2), ("v1", "rejected", None)], [1, 2], "1"),
        ([("7", "previous", 7), ("latest", "serving", 1700000000)], [1700000000], "7"),
    ],
)
def test_a_rollback_goes_to_the_version_before_that_is_on_the_volume_if_any_is(
    rows: list[_Row], serving: list[int], before: str
) -> None:
    assert version_before(_status(serving, *rows), "m") == before


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (_status([1], ("1", "serving", 1), ("2", "previous", 2)), "no version before 1"),
        (_status([2], ("1", "rejected", None), ("2", "serving", 2)), "no version before 2"),
        (_status([], ("1", "activating", 1)), "--to"),
        ({}, "--to"),
    ],
)
def test_where_there_is_nothing_to_go_back_to_it_is_told(status: dict[str, Any], said: str) -> None:
    with pytest.raises(RejectedError, match=said):
        version_before(status, "m")
