from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_sync.download import part_journal
from model_sync.download.part_journal import CoveredRanges, PartJournal, journal_path

_SIZE, _LENGTH = 100, 60


@pytest.fixture
def part(tmp_path: Path) -> Path:
    path = tmp_path / "part"
    path.write_bytes(bytes(_SIZE))
    return path


def _reopened(part: Path, size: int = _SIZE) -> list[tuple[int, int]]:
    with PartJournal.opened(part, size) as (_, covered):
        return covered.ranges


def test_what_was_noted_counts_after_the_process_ended(part: Path) -> None:
    with PartJournal.opened(part, _SIZE) as (journal, _):
        journal.note(0, 10)
        journal.note(20, 30, durable=True)
    assert _reopened(part) == [(0, 10), (20, 30)]


def test_after_a_restart_of_the_machine_only_flushed_bytes_count(
    part: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with PartJournal.opened(part, _SIZE) as (journal, _):
        journal.note(0, 10)
        journal.note(20, 30, durable=True)
    (tmp_path / "boot_id").write_text("another-boot\n")
    monkeypatch.setattr(part_journal, "_BOOT_ID", tmp_path / "boot_id")
    assert _reopened(part) == [(20, 30)]


def test_a_line_that_was_cut_off_counts_for_nothing(part: Path) -> None:
    with PartJournal.opened(part, _SIZE) as (journal, _):
        journal.note(20, 30, durable=True)
    with journal_path(part).open("ab") as file:
        file.write(b"40 90 -")
    assert _reopened(part) == [(20, 30)]


def test_a_part_without_its_journal_counts_for_nothing(part: Path) -> None:
    assert _reopened(part) == []


def test_a_journal_vouches_for_no_other_part(part: Path) -> None:
    with PartJournal.opened(part, _SIZE) as (journal, _):
        journal.note(0, 100, durable=True)
    assert _reopened(part, _SIZE + 1) == []
    part.unlink()
    assert _reopened(part) == []


_ranges = st.lists(st.tuples(st.integers(0, _LENGTH), st.integers(0, _LENGTH)))


def _covered(ranges: list[tuple[int, int]]) -> tuple[CoveredRanges, set[int]]:
    covered, there = CoveredRanges(), set[int]()
    for start, end in ranges:
        covered.add(start, end)
        there |= set(range(start, end))
    return covered, there


@given(_ranges)
def test_it_counts_what_a_set_of_bytes_would(ranges: list[tuple[int, int]]) -> None:
    covered, there = _covered(ranges)
    assert covered.total == len(there)
    assert covered.frontier == next(at for at in range(_LENGTH + 1) if at not in there)


@given(_ranges, st.integers(1, _LENGTH))
def test_what_is_missing_completes_it_without_fetching_a_byte_twice(
    ranges: list[tuple[int, int]], longest: int
) -> None:
    covered, there = _covered(ranges)
    pieces = list(covered.missing(_LENGTH, longest))
    fetched = [at for start, end in pieces for at in range(start, end)]
    assert sorted([*fetched, *there]) == list(range(_LENGTH))
    assert all(0 < end - start <= longest for start, end in pieces)
