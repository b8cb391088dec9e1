"""server-container/CONFORMANCE.md names cases and tests that exist, for every row of the contract."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from .conftest import Recording

SERVER = Path(__file__).resolve().parents[2] / "server-container"
ROWS = 30


@dataclass(frozen=True)
class Row:
    name: str
    kind: str
    cases: tuple[str, ...]
    tests: tuple[str, ...]
    decision: str


def _names(cell: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in cell.split(",") if name.strip())


@pytest.fixture
def rows() -> list[Row]:
    text = (SERVER / "CONFORMANCE.md").read_text()
    table = re.search(r"<!-- rows.*?-->\n(.*?)<!-- end of rows -->", text, re.DOTALL)
    assert table is not None
    lines = table[1].splitlines()[2:]
    parts = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [Row(name, kind, _names(cases), _names(tests), why) for name, kind, _, cases, tests, why in parts]


def test_every_row_of_the_contract_is_covered(rows: list[Row]) -> None:
    assert [row.name for row in rows][:ROWS] == [str(number) for number in range(1, ROWS + 1)]
    assert [row.name for row in rows if not row.cases and not row.tests] == []


def test_every_accident_of_ovms_is_decided(rows: list[Row]) -> None:
    assert [row.name for row in rows if "Q" in row.kind and not (row.decision and row.tests)] == []


def test_the_recorded_cases_exist_and_must_hold(
    rows: list[Row], wire: Recording, scenarios: Recording
) -> None:
    kinds = wire.kinds | scenarios.kinds
    named = {case for row in rows for case in row.cases}
    assert {case: kinds.get(case) for case in named if kinds.get(case) != "must"} == {}


def test_the_named_tests_exist(rows: list[Row]) -> None:
    code = "".join(path.read_text() for path in sorted((SERVER / "tests").rglob("test_*.py")))
    defined = set(re.findall(r"^(?:async )?def (test_\w+)\(", code, re.MULTILINE))
    assert {test for row in rows for test in row.tests} - defined == set()


def test_tests_named_after_a_row_are_in_its_row(rows: list[Row]) -> None:
    (file,) = (SERVER / "tests").rglob("test_contract_rows.py")
    code = file.read_text()
    for test in re.findall(r"^(?:async )?def (test_row_\w+)\(", code, re.MULTILINE):
        numbers = {str(int(number)) for number in re.findall(r"_(\d\d)(?=_)", test)}
        assert {row.name for row in rows if test in row.tests and row.name.isdigit()} == numbers
