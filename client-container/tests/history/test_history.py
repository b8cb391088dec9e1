"""The history as a real SQLite file: kept, bounded, begun anew, and never in the way of an answer."""

import os
import sqlite3
from pathlib import Path

import pytest
from car_client.history import reading
from car_client.history.database import HistoryDatabase
from car_client.history.entries import HistoryFilter, NewAnswer, Row, milliseconds_of, new_answer, time_text
from car_client.history.file import DamagedError, move_aside
from car_client.history.history import History
from car_client.history.reading import csv_parts, first_rows, read_rows, read_thumbnail
from car_client.output.recent import Thumbnail
from car_client.pipeline.classifier import Classification
from car_client.pipeline.scores import Prediction, Verdict
from car_client.settings import Transport
from collected_logs import LogLines
from edge_common.errors import RejectedError, RetryableError

MIB = 1024 * 1024
DAY = 86_400_000
NOON = milliseconds_of("2026-11-30T12:00Z")
ALL = HistoryFilter()


def answer(
    picture: str = "a.jpg",
    *,
    model: str = "m",
    label: str = "bus",
    probability: float = 0.9,
    sure: bool = True,
) -> Classification:
    verdict = Verdict((Prediction(0, label, probability),), sure=sure)
    return Classification(picture, model, 3, verdict, Transport.TENSOR, 0.001, 0.002, 0.003)


def rows_at(*times: int) -> list[NewAnswer]:
    return [new_answer("gate", answer(f"{time}.jpg"), time) for time in times]


def opened(
    path: Path, *, max_bytes: int = MIB, max_age: float = 30 * 86400.0, now: int = NOON
) -> HistoryDatabase:
    return HistoryDatabase(path, max_bytes=max_bytes, max_age=max_age, now=now)


def history(path: Path, *, most_queued: int = 1000, now: float = NOON / 1000) -> History:
    return History(path, max_bytes=MIB, max_age=86400, most_queued=most_queued, now=lambda: now)


def kept(path: Path, wanted: HistoryFilter = ALL, *, before: int | None = None) -> list[Row]:
    return read_rows(path, wanted, at_most=1000, before=before)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "history.sqlite"


def test_answers_outlive_the_client_and_come_newest_first(path: Path) -> None:
    for picture in ("a.jpg", "b.jpg"):
        with history(path) as running:
            running.add("gate", answer(picture, sure=False))
        assert running.sentence == ""
        assert [file.name for file in path.parent.iterdir()] == ["history.sqlite"]
        assert path.stat().st_mode & 0o777 == 0o600
    newest, oldest = kept(path)
    assert newest == (2, NOON, "gate", "b.jpg", "m", 3, "bus", 0, 0.9, 6.0, None)
    assert (oldest[0], oldest[3]) == (1, "a.jpg")


def test_every_filter_lets_through_what_it_says(path: Path) -> None:
    database = opened(path)
    made = [
        ("gate", answer(label="Fire Engine", model="a")),
        ("yard", answer(label="100%_", probability=0.4)),
    ]
    database.append([new_answer(source, result, NOON + place) for place, (source, result) in enumerate(made)])
    database.close()
    gate, yard = 1, 2
    for wanted, ids in {
        HistoryFilter(model="a"): [gate],
        HistoryFilter(source="yard"): [yard],
        HistoryFilter(label="engine"): [gate],
        HistoryFilter(label="%"): [yard],
        HistoryFilter(label="%_"): [yard],
        HistoryFilter(label="e_e"): [],
        HistoryFilter(label="\\"): [],
        HistoryFilter(label="' OR 1 --"): [],
        HistoryFilter(min_probability=0.5): [gate],
        HistoryFilter(since=NOON + 1): [yard],
        HistoryFilter(until=NOON): [gate],
        HistoryFilter(model="a", source="yard"): [],
        ALL: [yard, gate],
    }.items():
        assert [row[0] for row in kept(path, wanted)] == ids, wanted
    assert [row[0] for row in kept(path, before=yard)] == [gate]


def test_a_table_of_hostile_names_computes_nothing_and_misleads_nobody(path: Path) -> None:
    with history(path) as running:
        running.add("=gate", answer(os.fsdecode(b"\xff.jpg"), label="@SUM(1)\r\n\x1b[31m", model="-" * 1000))
    head, line = "".join(csv_parts(path, ALL, first=first_rows(path, ALL), at_most=10)).splitlines()
    assert head == "time,source,picture,model,version,label,sure,probability,latency_ms"
    shortened = "'" + "-" * 299 + "…"
    assert line == (
        f"2026-11-30T12:00:00.000Z,'=gate,\\xff.jpg,{shortened},3,'@SUM(1)\\r\\n\\x1b[31m,1,0.9,6.0"
    )


def test_a_long_table_is_read_in_parts_up_to_its_bound(path: Path) -> None:
    database = opened(path)
    database.append(rows_at(*range(NOON, NOON + 2500)))
    database.close()
    parts = list(csv_parts(path, ALL, first=first_rows(path, ALL), at_most=2100))
    assert [part.count("\n") for part in parts] == [1, 1000, 1000, 100]


def test_the_oldest_go_when_there_are_too_many_and_the_file_stays_within_its_bound(path: Path) -> None:
    database = opened(path)
    for start in range(0, 30_000, 1000):
        database.append(rows_at(*range(NOON + start, NOON + start + 1000)))
        database.keep_bounds(NOON, 1.0)
    database.close()
    rows = read_rows(path, ALL, at_most=30_000)
    assert (rows[0][0], rows[-1][0] > 1, len(rows) > 5000) == (30_000, True, True)
    assert [row[0] for row in rows] == list(range(30_000, rows[-1][0] - 1, -1))
    assert path.stat().st_size <= MIB


def test_a_database_that_is_full_makes_room_by_itself(path: Path) -> None:
    database = opened(path, max_bytes=64 * 1024)
    for start in range(0, 3000, 100):  # nobody looks at the bounds
        database.append(rows_at(*range(NOON + start, NOON + start + 100)))
    database.close()
    assert kept(path)[0][0] == 3000
    assert path.stat().st_size <= 64 * 1024


def test_small_pictures_are_shared_by_near_answers_and_kept_within_half_of_the_bound(path: Path) -> None:
    database = opened(path)
    same = Thumbnail("same", b"jpeg")
    database.append([new_answer("gate", answer(model=model), NOON, same) for model in "ab"])
    database.append([new_answer("gate", answer(model="c"), NOON, same)])
    database.append(rows_at(NOON))
    assert [row[-1] for row in kept(path)] == [None, 1, 1, 1]
    assert (read_thumbnail(path, 1), read_thumbnail(path, 2)) == (b"jpeg", None)
    for number in range(500):
        small = Thumbnail(str(number), b"x" * 6000)
        database.append([new_answer("gate", answer(), NOON, small)])
        database.keep_bounds(NOON, 1.0)
    database.close()
    rows = kept(path)
    assert [row[-1] for row in rows[:65]] == [row[0] for row in rows[:65]]
    assert {row[-1] for row in rows[65:]} == {None}
    assert (len(rows), path.stat().st_size <= MIB) == (504, True)


def test_no_small_picture_is_kept_where_none_is_wanted(path: Path) -> None:
    with History(path, max_bytes=MIB, max_age=60, thumbnails=False) as running:
        running.add("gate", answer(), Thumbnail("a", b"jpeg"))
    assert [row[-1] for row in kept(path)] == [None]


def test_a_lower_bound_makes_the_file_smaller(path: Path) -> None:
    database = opened(path)
    database.append(rows_at(*range(NOON, NOON + 5000)))
    database.close()
    before = path.stat().st_size
    database = opened(path, max_bytes=128 * 1024)
    database.keep_bounds(NOON, 1.0)
    database.close()
    assert path.stat().st_size <= 128 * 1024 < before
    assert kept(path)[0][0] == 5000


def test_what_is_older_than_the_limit_goes(path: Path) -> None:
    database = opened(path, now=NOON - 31 * DAY)
    database.append(rows_at(NOON - 31 * DAY, NOON - 29 * DAY, NOON))
    database.keep_bounds(NOON, 31 * 86400.0)
    database.close()
    assert [row[1] for row in kept(path)] == [NOON, NOON - 29 * DAY]


def test_a_clock_that_jumps_by_years_makes_nothing_old_and_what_was_written_first_goes_first(
    path: Path,
) -> None:
    database = opened(path)
    database.append(rows_at(NOON - DAY, 0, NOON))  # 0: a box that did not know the time yet
    for year in (20, 0, -50):
        database.keep_bounds(NOON + year * 365 * DAY, 3600.0)
    database.close()
    assert [row[1] for row in kept(path)] == [NOON, 0, NOON - DAY]
    database = opened(path, now=NOON)
    database.keep_bounds(NOON + 60 * DAY, 15 * 86400.0)  # the time while nothing ran is made up for
    database.close()
    assert kept(path) == []


@pytest.mark.parametrize("content", [b"no database at all " * 500, b"SQLite format 3\0" + b"\xff" * 8000])
def test_a_broken_file_is_kept_aside_and_the_history_begins_anew(
    path: Path, content: bytes, logged: LogLines
) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with history(path) as running:
        running.add("gate", answer())
    aside = path.with_name("history.sqlite.damaged")
    assert (aside.read_bytes(), len(kept(path))) == (content, 1)
    assert f"kept as {aside}" in running.sentence
    assert running.dropped == 0
    assert [line["kept_as"] for line in logged.of("history_started_anew")] == [str(aside)]


def test_only_one_broken_file_is_kept(path: Path) -> None:
    path.parent.mkdir()
    for content in (b"first", b"second"):
        path.write_bytes(content)
        move_aside(path)
    assert [file.read_bytes() for file in path.parent.iterdir()] == [b"second"]


def test_damage_that_only_a_reader_met_is_found(path: Path) -> None:
    database = opened(path)
    database.append(rows_at(*range(NOON, NOON + 3000)))
    database.close()
    with path.open("r+b") as file:
        file.seek(10 * 4096)
        file.write(b"\xff" * 20 * 4096)
    with pytest.raises(RejectedError, match="no history that can be read"):
        read_rows(path, ALL, at_most=3000)
    with history(path) as running:
        running.doubt()
        running.add("gate", answer())
    assert "began anew" in running.sentence
    assert len(kept(path)) == 1


def test_a_history_of_a_newer_release_or_with_other_columns_is_kept_aside(path: Path) -> None:
    opened(path).close()
    for change in ("PRAGMA user_version = 2", "ALTER TABLE inference RENAME label TO title"):
        with sqlite3.connect(path) as sql:
            sql.execute(change)
        sql.close()
        with pytest.raises(DamagedError):
            opened(path)
        move_aside(path)
        opened(path).close()


def test_the_database_of_another_program_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as sql:
        sql.execute("CREATE TABLE theirs (x)")
    sql.close()
    before = path.read_bytes()
    with history(path) as running:
        running.add("gate", answer())
    assert "database of another program" in running.sentence
    assert (running.dropped, path.read_bytes()) == (1, before)
    with pytest.raises(RejectedError):
        kept(path)


def test_a_place_that_cannot_be_written_is_told_and_drops_answers(tmp_path: Path, logged: LogLines) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path, tmp_path / "file" / "history.sqlite"):
        with history(place) as running:
            running.add("gate", answer())
        assert "Answers are not kept now" in running.sentence
        assert running.dropped == 1
    assert [line["reason"] for line in logged.of("history_not_written")] == [
        "unable to open database file",
        "File exists",
    ]


def test_a_disk_that_is_full_loses_no_old_answer_but_the_new_ones_until_there_is_room(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(path).close()
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL
    with monkeypatch.context() as patched, history(path) as running:

        def fail(_database: HistoryDatabase, _rows: object) -> None:
            raise full

        patched.setattr(HistoryDatabase, "append", fail)
        running.add("gate", answer())
    assert "full" in running.sentence
    assert "not kept since the start: 1." in running.sentence
    with history(path) as running:
        running.add("gate", answer())
    assert (running.sentence, len(kept(path))) == ("", 1)


def test_nobody_waits_when_answers_come_faster_than_they_are_written(path: Path) -> None:
    counted: list[tuple[str, int]] = []
    waiting = History(
        path, max_bytes=MIB, max_age=60, most_queued=3, count=lambda what, many: counted.append((what, many))
    )
    for _ in range(5):  # the writer has not begun
        waiting.add("gate", answer())
    assert waiting.dropped == 2
    assert waiting.sentence == "Answers not kept since the start: 2."
    with waiting:
        pass
    assert (len(kept(path)), counted) == (3, [("dropped", 1), ("dropped", 1), ("kept", 3)])


def test_a_file_that_somebody_deleted_is_made_again(path: Path) -> None:
    database = opened(path)
    assert not database.is_moved()
    path.unlink()
    assert database.is_moved()
    database.close()


def test_no_file_is_no_answer_and_reading_makes_none(path: Path) -> None:
    assert kept(path) == []
    assert not path.exists()


@pytest.mark.parametrize("text", ["soon", "2026-13-01", "", "x" * 500])
def test_a_time_that_is_none_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="is no time; write it like"):
        milliseconds_of(text)


def test_times_are_in_utc_unless_they_say_otherwise() -> None:
    assert milliseconds_of("2026-11-30T14:00+02:00") == milliseconds_of("2026-11-30T12:00") == NOON
    assert time_text(NOON) == "2026-11-30T12:00:00.000Z"
    assert time_text(1 << 62) == "unknown"


def test_a_search_that_takes_too_long_is_given_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = opened(path)
    database.append(rows_at(*range(NOON, NOON + 2000)))
    database.close()
    monkeypatch.setattr(reading, "_READ_SECONDS", -1.0)
    monkeypatch.setattr(reading, "_LOOK_EVERY", 100)
    with pytest.raises(RetryableError, match="took more than five seconds"):
        read_rows(path, HistoryFilter(label="none"), at_most=10)
