"""Pictures in review: what lies in the bucket, who has the last word, and what is taken as labelled data."""

import csv
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from car_client.review import bucket
from car_client.review.bucket import ReviewBucket, open_review
from car_client.review.items import ReviewId, ReviewRecord, jpeg_of
from car_client.review.taking import take_labelled
from car_client.s3_address import S3Address
from car_client.settings import load_settings
from collected_logs import LogLines
from edge_common.errors import FatalError, RejectedError, RetryableError
from edge_common.pictures.decode import Picture, PictureLimits, decode_picture
from hypothesis import given
from hypothesis import strategies as st
from made_pictures import jpeg
from minio import Minio
from review_values import HOSTILE, record

NOW = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)
LIMITS = PictureLimits(max_bytes=100_000, max_pixels=100_000)


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    """Of this test alone, as all tests of a process share what their stores hold."""
    return f"review-{tmp_path.name}"


@pytest.fixture
def place(store: Minio, prefix: str) -> ReviewBucket:
    return ReviewBucket(store, S3Address("pictures", f"{prefix}/"), max_bytes=100_000)


def keys(store: Minio) -> list[str]:
    return [found.object_name or "" for found in store.list_objects("pictures", recursive=True)]


def put(store: Minio, key: str, content: bytes) -> None:
    store.put_object("pictures", key, io.BytesIO(content), len(content))


def test_a_picture_is_two_objects_of_its_day_and_the_last_label_holds(
    store: Minio, place: ReviewBucket, prefix: str, tmp_path: Path
) -> None:
    sent = place.send(jpeg("red"), record(), now=NOW)
    other = place.send(jpeg("blue"), record(image="2.jpg"), now=NOW)
    name = f"{prefix}/2026-11-30/{sent.id.digest}"
    assert {f"{name}.jpg", f"{name}.json"} < set(keys(store))
    assert place.picture(sent.id) == jpeg("red")
    for label, by in (("van", "Anna"), ('a, "bus"', "Ben")):
        assert place.label(sent.id, label, by) is not None
    assert place.send(jpeg("red"), record(), now=NOW).record.label == 'a, "bus"', "sent again, it stays"
    store.remove_object("pictures", f"{name}.jpg")
    assert place.items(10)[1] == 1, "a record without its picture is not shown"
    place.send(jpeg("red"), record(), now=NOW)
    items, count = place.items(10)
    found = {item.id: (item.record.label, item.record.by) for item in items}
    assert (found, count) == ({sent.id: ('a, "bus"', "Ben"), other.id: (None, "Anna")}, 2)
    taken = take_labelled(place, tmp_path / "out")
    assert (taken.labelled, taken.unlabelled, taken.damaged) == (1, 1, 0)
    assert (tmp_path / "out" / f"{sent.id.digest}.jpg").read_bytes() == jpeg("red")
    rows = list(csv.reader((tmp_path / "out" / "expected.csv").read_text().splitlines()))
    assert rows == [["file", "label"], [f"{sent.id.digest}.jpg", 'a, "bus"']]
    assert place.label(sent.id, None, "Anna") is not None
    assert take_labelled(place, tmp_path / "out").labelled == 0
    assert place.label(ReviewId("2026-11-29", sent.id.digest), "van", "Anna") is None


def test_what_others_put_there_is_left_out_and_what_is_not_what_was_sent_is_told(
    store: Minio, place: ReviewBucket, prefix: str, tmp_path: Path, logged: LogLines
) -> None:
    sent = place.send(jpeg("red"), record(label="van"), now=NOW)
    put(store, f"{prefix}/{sent.id}.jpg", jpeg("blue"))
    digest = "0" * 64
    for key, content in {
        f"2026-11-30/{digest}.json": b'{"schema": 1, "source": "\x1b[31m"}',
        f"2026-11-30/{digest}.jpg": b"x",
        f"2026-11-29/{digest}.json": b"[" * 1000,
        "2026-11-29/notes.txt": b"x",
        f"2026-11-28/{digest}.json": b"",
        f"2026-11-28/{digest}.jpg": b"",
    }.items():
        put(store, f"{prefix}/{key}", content)
    assert [item.id for item in place.items(10)[0]] == [sent.id]
    taken = take_labelled(place, tmp_path / "out")
    assert (taken.labelled, taken.damaged) == (0, 1)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["expected.csv"]
    assert len(logged.of("review_picture_damaged")) == 1
    assert "\x1b" not in logged.of("review_record_unreadable")[0]["error"]


def test_a_place_that_is_full_or_away_says_what_to_do(
    place: ReviewBucket, store: Minio, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "MOST_ITEMS", 1)
    place.send(jpeg("red"), record(), now=NOW)
    with pytest.raises(RejectedError, match="delete its oldest days"):
        place.send(jpeg("blue"), record(), now=NOW)
    nowhere = ReviewBucket(store, S3Address.parse("s3://none"), max_bytes=1)
    with pytest.raises(RetryableError, match=r"s3://none/ cannot be used: .*CAR_CLIENT_S3_ACCESS_KEY"):
        nowhere.items(1)
    large = ReviewBucket(store, S3Address("pictures", f"{prefix}/"), max_bytes=10)
    assert large.picture(place.items(1)[0][0].id) is None


@pytest.mark.parametrize(
    ("label", "why"),
    [
        ("", "at least 1"),
        ("x" * 201, "at most 200"),
        ("=1+1", "spreadsheets"),
        ("@a", "spreadsheets"),
        ("\uff1dA1", "spreadsheets"),
        ("van\x1b[31m", "one line"),
        ("a\nb", "one line"),
        ("\u202evan", "one line"),
        (" van", "blanks"),
    ],
)
def test_labels_that_move_compute_or_mislead_are_refused(label: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        record(label=label)


def test_names_of_strangers_are_printable_wherever_a_record_comes_from() -> None:
    made = record(source=HOSTILE, image=HOSTILE, by=HOSTILE)
    assert ReviewRecord.parse("x", made.content()) == made
    assert made.source.isprintable()
    raw = made.content().replace(b'"Anna"', b'"x"').replace(b"\\\\x1b", b"\\u001b")
    assert ReviewRecord.parse("x", raw).source.isprintable()


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_what_is_no_record_is_told_in_one_sentence(content: bytes) -> None:
    with pytest.raises(RejectedError, match="is no record of a review") as told:
        ReviewRecord.parse("a.json", content)
    assert str(told.value).isprintable()


def test_a_file_stays_as_it_came_if_it_is_jpeg_and_else_becomes_one() -> None:
    came = decode_picture("a", jpeg("red"), LIMITS)
    assert jpeg_of(came) == jpeg("red")
    other = Picture("b", b"\x89PNG", came.pixels, plain_jpeg=False, decode_seconds=0.0)
    again = decode_picture("b", jpeg_of(other), LIMITS)
    assert np.abs(again.pixels.astype(int) - came.pixels).mean() < 4
    wide = Picture("c", b"BM", np.zeros((1, 70_000, 3), np.uint8), plain_jpeg=False, decode_seconds=0.0)
    with pytest.raises(RejectedError, match="too wide"):
        jpeg_of(wide)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"review": "review"}, "write s3://BUCKET/PREFIX"),
        ({"review": "s3://"}, "names no bucket"),
        ({"review": "s3://pictures/review", "source": ["s3://pictures"]}, "would be classified again"),
        ({"review": "s3://pictures/review", "source": ["s3://pictures/review"]}, "another prefix"),
    ],
)
def test_a_place_that_cannot_be_is_refused_at_the_start(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(FatalError, match=why):
        open_review(load_settings(**settings))


def test_a_place_beside_what_is_watched_is_taken_and_none_is_none() -> None:
    assert open_review(load_settings()) is None
    fits = load_settings(review="s3://pictures/review", source=["s3://pictures/gate", "/pictures"])
    assert str(open_review(fits)) == "s3://pictures/review/"
